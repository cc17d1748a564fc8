/** Vision models in the browser, each in a Web Worker of its own. */
import { loadOn } from "./load.js";
import { packagedModule } from "./packaged.js";
import { startSession } from "./session.js";
import { supported } from "./supported.js";
import type { LoadOptions, Model, ModelSource } from "./types.js";

export * from "./api.js";

/**
 * Load a model into a worker of its own.
 *
 * Rejects with an `OxidizedVisionError`, and leaves no worker behind then.
 */
export function load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
  const ground = { start: startSession, support: supported(), packaged: packagedModule };
  return loadOn(ground, source, options);
}
