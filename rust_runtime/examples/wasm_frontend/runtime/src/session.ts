import { Channel } from "./channel.js";
import { compiledModule, type Locate } from "./modules.js";
import { Pool } from "./pool.js";
import type { AnswerTo, Bytes, Loaded, Request } from "./protocol.js";
import { abortable, throwIfAborted } from "./signals.js";
import type { Source } from "./source.js";
import type { Engine, LoadTiming, ModuleName, ModuleOptions, Progress } from "./types.js";
import { modelWorker } from "./workers.js";

/** Everything that starting a model's worker takes, so that it can start again. */
export interface Recipe {
  engine: Engine;
  threads: number;
  source: Source;
  options: ModuleOptions;
  locate: Locate;
}

export interface StartOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** A worker with its model. */
export interface Session {
  readonly loaded: Pick<Loaded, "info" | "contract">;
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
  const session = new WorkerSession(recipe, onProgress);
  try {
    return await abortable(session.load(), signal, (reason) => session.end(reason), what);
  } catch (error) {
    session.end(error);
    throw error;
  }
};

class WorkerSession implements Session {
  loaded!: Session["loaded"];
  readonly timing = { fetchMs: 0, instantiateMs: 0, loadMs: 0 };
  readonly #recipe: Recipe;
  readonly #onProgress: StartOptions["onProgress"];
  readonly #downloads = new AbortController();
  readonly #pool = new Pool((reason) => this.end(reason));
  readonly #channel = new Channel(modelWorker(), (reason) => this.#pool.end(reason));

  constructor(recipe: Recipe, onProgress: StartOptions["onProgress"]) {
    this.#recipe = recipe;
    this.#onProgress = onProgress;
  }

  get open(): boolean {
    return this.#channel.open;
  }

  ask<R extends Request>(request: R, transfer: Transferable[]): Promise<AnswerTo<R>> {
    return this.#channel.ask(request, transfer);
  }

  end(reason: unknown): void {
    this.#downloads.abort(reason);
    this.#channel.end(reason);
  }

  /** Downloads, the worker's script and the instance come side by side; then the model loads. */
  async load(): Promise<this> {
    const { source, options, threads } = this.#recipe;
    const { signal } = this.#downloads;
    const started = performance.now();
    const fetched = (): void => {
      this.timing.fetchMs = performance.now() - started;
    };
    const sent: Promise<null>[] = [];
    const send = (bytes: Bytes, total: number | null): void => {
      const heard = this.#channel.ask({ call: "part", bytes, total }, [bytes.buffer]);
      // That the worker ended is told by whatever is awaited then.
      heard.catch(() => undefined);
      sent.push(heard);
    };
    await Promise.all([
      source.read(send, this.#report("model"), signal).finally(fetched),
      this.#startModule(fetched),
    ]);
    await Promise.all(sent);
    this.#report("load")(0, null);
    const { parts, loadMs, info, contract } = await this.#channel.ask({
      call: "load",
      options: { ...options, name: source.name },
      threads,
    });
    source.keep(parts);
    this.timing.loadMs = loadMs;
    this.loaded = { info, contract };
    return this;
  }

  async #startModule(fetched: () => void): Promise<void> {
    const { threads, locate } = this.#recipe;
    const files = locate(moduleName(this.#recipe));
    const glue = files.glue.href;
    const [module] = await Promise.all([
      compiledModule(files, this.#report("module"), this.#downloads.signal).finally(fetched),
      this.#channel.ask({ call: "open", glue }),
    ]);
    const begun = performance.now();
    const { memory } = await this.#channel.ask({ call: "start", module });
    if (threads > 1 && memory !== undefined)
      await this.#pool.start(threads - 1, { glue, module, memory });
    this.timing.instantiateMs = performance.now() - begun;
  }

  #report(phase: Progress["phase"]): (loaded: number, total: number | null) => void {
    return (loaded, total) => this.#onProgress?.({ phase, loaded, total });
  }
}

function moduleName({ engine, threads }: Recipe): ModuleName {
  return engine === "rten" && threads > 1 ? "rten-threads" : engine;
}
