import { type ErrorData, isError, OxidizedVisionError } from "./errors.js";
import { type Answers, buffersIn, type Request } from "./protocol.js";
import type { Recipe, Session, Start } from "./session.js";
import { abortable, throwIfAborted } from "./signals.js";
import type {
  CallOptions,
  Choice,
  ContractBlock,
  Engine,
  GoldenReport,
  LoadTiming,
  Model,
  ModelInfo,
  Pixels,
  Predicted,
  Tensor,
} from "./types.js";

/** What another engine may be able to do. */
const OTHERS_MAY = ["unsupported", "engine_failed", "panicked", "backend_unavailable"];

/** What starts a model's workers: the recipe in use, and the one for when a run fails. */
export interface Plan {
  start: Start;
  recipe: Recipe;
  alternative?: Recipe | undefined;
}

/** A model in a worker. The worker that a trap or an abort ended is followed by another. */
export class WorkerModel implements Model {
  #plan: Plan;
  #session: Session;
  #choice: Choice;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #calls = new Set<AbortController>();
  #closed: OxidizedVisionError | undefined;

  constructor(plan: Plan, session: Session, choice: Choice) {
    this.#plan = plan;
    this.#session = session;
    this.#choice = choice;
  }

  get info(): ModelInfo {
    return this.#session.loaded.info;
  }

  get contract(): ContractBlock | undefined {
    return this.#session.loaded.contract;
  }

  get engine(): Engine {
    return this.#choice.engine;
  }

  get choice(): Choice {
    return this.#choice;
  }

  get loadTiming(): LoadTiming {
    return this.#session.timing;
  }

  run(inputs: Tensor[], options?: CallOptions): Promise<Tensor[]> {
    return this.#call(() => ({ call: "run", inputs: inputs.map(copyOf) }), options);
  }

  async predict(picture: Blob | Uint8Array | Pixels, options?: CallOptions): Promise<Predicted> {
    if ("data" in picture) {
      const { data, width, height } = picture;
      return this.#call(
        () => ({ call: "predictPixels", pixels: { data: data.slice(), width, height } }),
        options,
      );
    }
    const bytes = picture instanceof Blob ? await read(picture) : picture;
    return this.#call(() => ({ call: "predict", picture: bytes.slice() }), options);
  }

  checkGoldens(goldens: Uint8Array, options?: CallOptions): Promise<GoldenReport> {
    return this.#call(() => ({ call: "checkGoldens", goldens: goldens.slice() }), options);
  }

  /** The browser hashes much faster than a module; on a page without TLS it does not. */
  async sha256(): Promise<string> {
    const bytes = await this.#plan.recipe.source.kept();
    const { subtle } = globalThis.crypto ?? {};
    if (subtle === undefined) return this.#call(() => ({ call: "sha256", bytes }));
    const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  memoryBytes(): Promise<number> {
    return this.#call(() => ({ call: "memoryBytes" }));
  }

  close(): void {
    const { model } = this.info;
    this.#closed ??= new OxidizedVisionError(
      "backend_unavailable",
      `${model} was closed`,
      "Load the model again.",
    );
    for (const call of this.#calls) call.abort(this.#closed);
    this.#session.end(this.#closed);
  }

  /** One call at a time, so that ending a worker ends that call only. */
  async #call<R extends Request>(
    make: () => R,
    { signal }: CallOptions = {},
  ): Promise<Answers[R["call"]]> {
    if (this.#closed !== undefined) throw this.#closed;
    const what = `A call to ${this.info.model}`;
    const call = new AbortController();
    const forward = (): void => call.abort(signal?.reason);
    signal?.addEventListener("abort", forward);
    if (signal?.aborted) forward();
    this.#calls.add(call);
    const work = this.#turn.then(() => this.#ask(make, call.signal));
    this.#turn = work.catch(() => undefined);
    try {
      return await abortable(work, call.signal, () => undefined, what);
    } finally {
      signal?.removeEventListener("abort", forward);
      this.#calls.delete(call);
    }
  }

  async #ask<R extends Request>(make: () => R, signal: AbortSignal): Promise<Answers[R["call"]]> {
    const what = `A call to ${this.info.model}`;
    throwIfAborted(signal, what);
    try {
      if (!this.#session.open)
        this.#session = await this.#plan.start(this.#plan.recipe, { signal });
      return await ask(this.#session, make, signal, what);
    } catch (error) {
      const { alternative } = this.#plan;
      if (alternative === undefined || !isError(error) || !OTHERS_MAY.includes(error.kind))
        throw error;
      return this.#askOther(alternative, error, make, signal);
    }
  }

  /** Run in the other engine; where it can do it, it takes the place of the one that failed. */
  async #askOther<R extends Request>(
    recipe: Recipe,
    failure: ErrorData,
    make: () => R,
    signal: AbortSignal,
  ): Promise<Answers[R["call"]]> {
    let session: Session | undefined;
    try {
      session = await this.#plan.start(recipe, { signal });
      const answer = await ask(session, make, signal, `A call to ${this.info.model}`);
      this.#session.end(failure);
      this.#session = session;
      this.#choice = without(this.#choice, recipe, failure);
      this.#plan = { start: this.#plan.start, recipe };
      return answer;
    } catch (error) {
      session?.end(error);
      throw signal.aborted ? error : failure;
    }
  }
}

function ask<R extends Request>(
  session: Session,
  make: () => R,
  signal: AbortSignal,
  what: string,
): Promise<Answers[R["call"]]> {
  const request = make();
  const answer = session.ask(request, [...buffersIn(request)]);
  return abortable(answer, signal, (reason) => session.end(reason), what);
}

/** The choice after the engine in use failed. */
function without(choice: Choice, recipe: Recipe, failure: ErrorData): Choice {
  const problem = { kind: failure.kind, message: failure.message, hint: failure.hint };
  return {
    engine: recipe.engine,
    threads: recipe.threads,
    why: `${choice.engine} failed in a run: ${failure.message}`,
    candidates: choice.candidates.map((candidate) =>
      candidate.engine === choice.engine ? { ...candidate, problem } : candidate,
    ),
  };
}

function copyOf(tensor: Tensor): Tensor {
  return { ...tensor, data: tensor.data.slice() };
}

async function read(picture: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await picture.arrayBuffer());
  } catch (thrown) {
    throw new OxidizedVisionError(
      "unreadable",
      `The picture could not be read: ${thrown instanceof Error ? thrown.message : thrown}`,
      "It may have changed or gone since it was chosen: choose it again.",
      { cause: thrown },
    );
  }
}
