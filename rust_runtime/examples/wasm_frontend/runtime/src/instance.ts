import { isError, OxidizedVisionError } from "./errors.js";
import type { Answers, Bytes, Loaded, Request, RequestOf, Started } from "./protocol.js";
import type { OpenGlue, RawFile, RawModel, RawModule } from "./raw.js";

/** A module and its model, inside a worker. */
export class Instance {
  readonly #open: OpenGlue;
  #glue: RawModule | undefined;
  #memory: WebAssembly.Memory | undefined;
  #model: RawModel | undefined;
  /** Parts of the model's file, as many of them in the module's memory as `#filled`. */
  readonly #parts: Bytes[] = [];
  #filled = 0;
  #file: RawFile | undefined;
  #name = "the model";

  constructor(open: OpenGlue) {
    this.#open = open;
  }

  async answer(request: Request): Promise<Answers[typeof request.call]> {
    switch (request.call) {
      case "open":
        this.#glue = await opened(this.#open, request.glue);
        return null;
      case "start":
        return this.#start(request.module);
      case "part":
        this.#parts.push(request.bytes);
        if (this.#memory !== undefined) this.#fill(request.total);
        return null;
      case "load":
        return this.#load(request);
      case "sha256":
        return this.#guarded("hashing", () => given(this.#glue).sha256(request.bytes));
      case "memoryBytes":
        return this.#bytes();
      default:
        return this.#guarded("running", () => answered(given(this.#model), request));
    }
  }

  #start(module: WebAssembly.Module): Started {
    const started = performance.now();
    const { memory } = given(this.#glue).initSync({ module });
    this.#memory = memory;
    const shared = typeof SharedArrayBuffer === "function" && isShared(memory);
    return { memory: shared ? memory : undefined, startMs: performance.now() - started };
  }

  /** Parts go where the engine uses them as they come, so that little is left to do after the last. */
  #fill(total: number | null): RawFile {
    return this.#guarded("loading", () => {
      const here = this.#parts.reduce((sum, part) => sum + part.byteLength, 0);
      this.#file ??= new (given(this.#glue).ModelFile)(Math.max(total ?? 0, here));
      for (; this.#filled < this.#parts.length; this.#filled += 1)
        this.#file.push(this.#parts[this.#filled] as Bytes);
      return this.#file;
    });
  }

  #load({ options, threads }: RequestOf<"load">): Loaded {
    const glue = given(this.#glue);
    const started = performance.now();
    this.#name = options.name ?? this.#name;
    const file = this.#fill(null);
    this.#file = undefined;
    const model = this.#guarded("loading", () => {
      if (threads > 1) buildPool(glue, threads);
      return glue.Model.fromFile(file, { ...options, threads });
    });
    this.#model = model;
    const { info, contract } = model;
    const parts = this.#parts.splice(0);
    return { info, contract, parts, loadMs: performance.now() - started };
  }

  #bytes(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** A trap leaves the instance dead, so it becomes an error that says so. */
  #guarded<T>(doing: string, work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      const panicked = isError(thrown) ? thrown.kind === "panicked" : isTrap(thrown);
      throw panicked ? stopped(`${doing} ${this.#name}`, thrown, this.#bytes()) : thrown;
    }
  }
}

/** Import a module's JavaScript. */
export async function opened(open: OpenGlue, glue: string): Promise<RawModule> {
  try {
    return await open(glue);
  } catch (thrown) {
    throw new OxidizedVisionError(
      "backend_unavailable",
      `The engine's script ${glue} could not be loaded: ${thrown instanceof Error ? thrown.message : thrown}`,
      "Serve it beside its .wasm, as JavaScript.",
    );
  }
}

type ModelRequest = RequestOf<"run" | "predict" | "predictPixels" | "checkGoldens">;

function answered(model: RawModel, request: ModelRequest): Answers[ModelRequest["call"]] {
  switch (request.call) {
    case "run":
      return model.run(request.inputs);
    case "predict":
      return model.predict(request.picture);
    case "predictPixels": {
      const { data, width, height } = request.pixels;
      return model.predictPixels(data, width, height);
    }
    case "checkGoldens":
      return model.checkGoldens(request.goldens);
  }
}

function buildPool(glue: RawModule, threads: number): void {
  if (glue.buildThreadPool !== undefined) {
    glue.buildThreadPool(threads);
    return;
  }
  throw new OxidizedVisionError(
    "invalid_option",
    `This module of ${glue.version().name} has no threads, and ${threads} were asked for`,
    "Ask for 1 thread, or for `auto`.",
  );
}

function isShared(memory: WebAssembly.Memory): boolean {
  return memory.buffer instanceof SharedArrayBuffer;
}

function isTrap(thrown: unknown): boolean {
  return thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError;
}

/** Above this, memory is what an engine most likely stopped for. */
const MUCH_MEMORY = 1 << 30;

function stopped(doing: string, thrown: unknown, bytes: number): OxidizedVisionError {
  return new OxidizedVisionError(
    "panicked",
    `The engine stopped while ${doing}: ${thrown instanceof Error ? thrown.message : thrown}`,
    bytes > MUCH_MEMORY
      ? `It held ${Math.round(bytes / (1 << 20))} MiB, and memory may have run out: use a smaller picture.`
      : "The next call gets a new engine. Try another one, and please report it with the model.",
  );
}

function given<T>(part: T | undefined): T {
  if (part !== undefined) return part;
  throw new OxidizedVisionError("internal", "A worker was asked to run before it had a model");
}
