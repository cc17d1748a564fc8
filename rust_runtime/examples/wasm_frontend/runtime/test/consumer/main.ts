/** What another project writes; type-checked and bundled there, with the package as it is packed. */
import { load, type Model, OxidizedVisionError, supported } from "@oxidizedvision/runtime";

async function classify(model: Model, picture: Blob): Promise<string> {
  const { prediction, timing } = await model.predict(picture);
  const took = `${timing.runMs.toFixed(1)} ms`;
  if (prediction.kind !== "classification") return `${prediction.kind} in ${took}`;
  const [best] = prediction.classes;
  return `${best?.label ?? best?.classId} in ${took}`;
}

Object.assign(window, { load, supported, classify, OxidizedVisionError, models: [] });
