/** The same without the modules: a bundler copies none, and `modules` says where they are. */
import { loadOn } from "./load.js";
import { startSession } from "./session.js";
import { supported } from "./supported.js";
import type { LoadOptions, Model, ModelSource } from "./types.js";

export * from "./api.js";

/** As the package's own `load`, with the modules of `options.modules`. */
export function load(
  source: ModelSource,
  options: LoadOptions & { modules: string | URL },
): Promise<Model> {
  return loadOn({ start: startSession, support: supported() }, source, options);
}
