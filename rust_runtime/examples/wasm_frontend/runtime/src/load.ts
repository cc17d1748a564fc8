import { type Chosen, chooseEngine } from "./choose.js";
import { isError, OxidizedVisionError } from "./errors.js";
import { WorkerModel } from "./model.js";
import { type Locate, modulesAt } from "./modules.js";
import type { Recipe, Start, StartOptions } from "./session.js";
import { Source } from "./source.js";
import type { Support } from "./supported.js";
import { threadsFor } from "./threads.js";
import type { Engine, LoadOptions, Model, ModelSource } from "./types.js";

const ENGINES: readonly Engine[] = ["rten", "tract"];

/** What loading stands on: how workers start, what the browser can do, where modules are. */
export interface Ground {
  start: Start;
  support: Support;
  packaged?: Locate;
}

/** Load a model into a worker of its own, or leave no worker behind. */
export async function loadOn(
  ground: Ground,
  source: ModelSource,
  options: LoadOptions,
): Promise<Model> {
  const { support } = ground;
  if (support.problem !== undefined) throw support.problem;
  const { signal, onProgress } = options;
  const starting = { signal, onProgress };
  const begin = threadsIfThere(ground.start, options.threads ?? "auto");
  const recipes = recipesFor(source, ground, options);
  const [recipe, ...others] = recipes;
  const chosen =
    others.length > 0
      ? await chooseEngine(begin, recipes, starting)
      : await asAsked(begin, recipe, starting);
  const { session, choice, alternative } = chosen;
  return new WorkerModel({ start: begin, recipe: chosen.recipe, alternative }, session, choice);
}

function recipesFor(
  given: ModelSource,
  { support, packaged }: Ground,
  options: LoadOptions,
): [Recipe, ...Recipe[]] {
  const { engine = "rten", threads = "auto", name } = options;
  const locate = options.modules === undefined ? packaged : modulesAt(options.modules);
  if (locate === undefined) throw noModules();
  const source = new Source(given, name);
  const recipe = (which: Engine): Recipe => ({
    engine: which,
    threads: threadsFor(which, threads, support),
    source,
    options: moduleOptions(options),
    locate,
  });
  if (engine !== "auto") return [recipe(known(engine))];
  const severalThreads = threads !== "auto" && threads > 1;
  return severalThreads ? [recipe("rten")] : [recipe("rten"), recipe("tract")];
}

function noModules(): OxidizedVisionError {
  return new OxidizedVisionError(
    "usage",
    "Nothing says where the modules are",
    "Give `modules`, the address of the folder that holds rten/ and the like.",
  );
}

function known(engine: Engine): Engine {
  if (ENGINES.includes(engine)) return engine;
  throw new OxidizedVisionError(
    "invalid_option",
    `No engine is called ${engine}`,
    `Use ${ENGINES.join(", ")} or auto.`,
  );
}

function moduleOptions(options: LoadOptions): Recipe["options"] {
  const { inputShapes, preprocess, postprocess, optimize } = options;
  return {
    ...(inputShapes && { inputShapes }),
    ...(preprocess && { preprocess }),
    ...(postprocess && { postprocess }),
    ...(optimize !== undefined && { optimize }),
  };
}

async function asAsked(start: Start, recipe: Recipe, options: StartOptions): Promise<Chosen> {
  const session = await start(recipe, options);
  const { engine } = recipe;
  const { threads } = session.loaded.info;
  const choice = { engine, threads, why: "it was asked for", candidates: [] };
  return { session, recipe, choice };
}

/** `auto` takes threads only where the module that has them is there. */
function threadsIfThere(start: Start, asked: number | "auto"): Start {
  return async (recipe, options) => {
    try {
      return await start(recipe, options);
    } catch (error) {
      const missing = isError(error) && error.kind === "backend_unavailable";
      if (asked !== "auto" || recipe.threads === 1 || !missing) throw error;
      recipe.threads = 1;
      return start(recipe, options);
    }
  };
}
