import { OxidizedVisionError } from "./errors.js";
import type { LoadOptions, Model, ModelSource } from "./types.js";

/** Load a model into a worker of its own. */
export async function load(_source: ModelSource, _options: LoadOptions = {}): Promise<Model> {
  throw new OxidizedVisionError("internal", "load is not written yet");
}
