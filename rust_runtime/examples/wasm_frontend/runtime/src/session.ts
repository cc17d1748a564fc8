import { Channel, type WorkerLike } from "./channel.js";
import { OxidizedVisionError } from "./errors.js";
import { compiledModule, moduleFiles } from "./modules.js";
import type { AnswerTo, Loaded, LoadRequest, Request } from "./protocol.js";
import { abortable, throwIfAborted } from "./signals.js";
import type { Source } from "./source.js";
import type { Engine, LoadTiming, ModuleName, ModuleOptions, Progress } from "./types.js";

/** Everything that starting a model's worker takes, so that it can start again. */
export interface Recipe {
  engine: Engine;
  threads: number;
  source: Source;
  options: ModuleOptions;
  modules?: string | URL | undefined;
}

export interface StartOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** A worker with its model. */
export interface Session {
  readonly loaded: Omit<Loaded, "model">;
  readonly timing: LoadTiming;
  readonly open: boolean;
  ask<R extends Request>(request: R, transfer: Transferable[]): Promise<AnswerTo<R>>;
  end(reason: unknown): void;
}

export type Start = (recipe: Recipe, options: StartOptions) => Promise<Session>;

/** Start a worker, and load the model in it. */
export const startSession: Start = async (recipe, { signal, onProgress }) => {
  const what = `Loading ${recipe.source.name}`;
  throwIfAborted(signal, what);
  // The worker's own script loads while the module and the model come.
  const channel = new Channel(newWorker());
  const downloads = new AbortController();
  try {
    const work = fill(channel, recipe, { signal: downloads.signal, onProgress });
    return await abortable(work, signal, (reason) => channel.end(reason), what);
  } catch (error) {
    downloads.abort(error);
    channel.end(error);
    throw error;
  }
};

async function fill(channel: Channel, recipe: Recipe, options: StartOptions): Promise<Session> {
  const { signal, onProgress } = options;
  const files = moduleFiles(moduleName(recipe), recipe.modules);
  const report = (phase: Progress["phase"]) => (loaded: number, total: number | null) =>
    onProgress?.({ phase, loaded, total });
  const started = performance.now();
  const [model, module] = await Promise.all([
    recipe.source.bytes(report("model"), signal),
    compiledModule(files, report("module"), signal),
  ]);
  const fetched = performance.now();
  report("load")(0, null);
  const request: LoadRequest = {
    call: "load",
    glue: files.glue.href,
    module,
    model,
    options: { ...recipe.options, name: recipe.source.name },
    threads: recipe.threads,
  };
  const { model: bytes, ...loaded } = await channel.ask(request, [model]);
  recipe.source.keep(bytes);
  const timing = {
    fetchMs: fetched - started,
    instantiateMs: loaded.instantiateMs,
    loadMs: loaded.loadMs,
  };
  return {
    loaded,
    timing,
    get open() {
      return channel.open;
    },
    ask: (asked, transfer) => channel.ask(asked, transfer),
    end: (reason) => channel.end(reason),
  };
}

function moduleName({ engine, threads }: Recipe): ModuleName {
  return engine === "rten" && threads > 1 ? "rten-threads" : engine;
}

function newWorker(): WorkerLike {
  try {
    return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  } catch (thrown) {
    throw new OxidizedVisionError(
      "backend_unavailable",
      `The model's worker could not start: ${thrown instanceof Error ? thrown.message : thrown}`,
      "The worker's script must be served from the page's own origin.",
      { cause: thrown },
    );
  }
}
