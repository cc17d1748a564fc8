import type { Prediction } from "@oxidizedvision/runtime/bare";

import { button, h } from "../dom.ts";
import { boxesSaid, boxesView } from "./boxes.ts";
import { classesSaid, classesView } from "./classes.ts";
import { compareView, pngOf } from "./compare.ts";
import { maskSaid, maskView, painted } from "./mask.ts";
import { type Source, save, saveJson, stage, stem } from "./stage.ts";
import { tensorsView } from "./tensors.ts";

export type { Source } from "./stage.ts";

/** What a model made of a picture. */
export function predictionView(prediction: Prediction, source: Source): HTMLElement[] {
  switch (prediction.kind) {
    case "classification":
      return classesView(prediction.classes, source);
    case "detection":
      return boxesView(prediction, source);
    case "segmentation":
      return maskView(prediction, source);
    case "image":
      return compareView(prediction, source);
    case "tensors":
      return [preview(source), ...tensorsView(prediction.tensors)];
  }
}

function preview(source: Source): HTMLElement {
  const small = stage(source);
  small.classList.add("preview");
  return small;
}

/** The same in a sentence. */
export function predictionSaid(prediction: Prediction): string {
  switch (prediction.kind) {
    case "classification":
      return classesSaid(prediction.classes);
    case "detection":
      return boxesSaid(prediction);
    case "segmentation":
      return maskSaid(prediction);
    case "image":
      return `A picture of ${prediction.width} × ${prediction.height} pixels`;
    case "tensors":
      return prediction.tensors.length === 1
        ? "One tensor"
        : `${prediction.tensors.length} tensors`;
  }
}

/** Ways to keep a result as a file. */
export function savers(prediction: Prediction, source: Source): HTMLElement | null {
  const name = stem(source.name) || "result";
  switch (prediction.kind) {
    case "image":
      return button(
        "Save picture",
        () => void pngOf(prediction).then((png) => save(png, `${name}.result.png`)),
      );
    case "segmentation": {
      const { width, height } = prediction;
      const mask = () => pngOf({ kind: "image", width, height, rgba: painted(prediction) });
      return button("Save mask", () => void mask().then((png) => save(png, `${name}.mask.png`)));
    }
    case "classification":
    case "detection":
      return button("Save as JSON", () => saveJson(prediction, `${name}.json`));
    case "tensors":
      return null;
  }
}

/** A place that says what will be there. */
export function nothingYet(text: string, ...ways: HTMLElement[]): HTMLElement {
  return h(
    "div",
    { class: "nothing" },
    h("span", { class: "eye", aria: { hidden: "true" } }),
    h("p", {}, text),
    ways.length > 0 ? h("div", { class: "row" }, ...ways) : null,
  );
}
