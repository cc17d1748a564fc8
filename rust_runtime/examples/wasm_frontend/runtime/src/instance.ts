import { isError, OxidizedVisionError } from "./errors.js";
import type { Answers, Loaded, LoadRequest, Request } from "./protocol.js";
import type { RawModel, RawModule } from "./raw.js";

/** A module with one model in it, inside a worker. */
export class Instance {
  readonly #memory: WebAssembly.Memory;
  readonly #model: RawModel;

  private constructor(memory: WebAssembly.Memory, model: RawModel) {
    this.#memory = memory;
    this.#model = model;
  }

  static async load(
    glue: RawModule,
    request: LoadRequest,
    started: number,
  ): Promise<[Instance, Loaded]> {
    const { memory } = glue.initSync({ module: request.module });
    if (request.threads > 1) await startThreads(glue, request.threads);
    const ready = performance.now();
    const model = guarded(memory, "loading", request.options.name, () =>
      glue.Model.load(new Uint8Array(request.model), {
        ...request.options,
        threads: request.threads,
      }),
    );
    const { info, contract } = model;
    const loaded: Loaded = {
      info,
      contract,
      model: request.model,
      instantiateMs: ready - started,
      loadMs: performance.now() - ready,
    };
    return [new Instance(memory, model), loaded];
  }

  answer(request: Exclude<Request, LoadRequest>): Answers[typeof request.call] {
    const model = this.#model;
    if (request.call === "memoryBytes") return this.#memory.buffer.byteLength;
    return guarded(this.#memory, "running", undefined, () => {
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
    });
  }
}

async function startThreads(glue: RawModule, threads: number): Promise<void> {
  if (glue.initThreadPool === undefined) {
    const { name } = glue.version();
    throw new OxidizedVisionError(
      "invalid_option",
      `The module of ${name} that was loaded has no threads, and ${threads} were asked for`,
      "Ask for 1 thread, or for `auto`.",
    );
  }
  await glue.initThreadPool(threads);
}

/** A trap leaves the instance dead, so it becomes an error that says so. */
function guarded<T>(
  memory: WebAssembly.Memory,
  doing: string,
  name: string | undefined,
  work: () => T,
): T {
  try {
    return work();
  } catch (thrown) {
    if (isError(thrown) || !isTrap(thrown)) throw thrown;
    throw trapped(thrown, `${doing} ${name ?? "the model"}`, memory.buffer.byteLength);
  }
}

function isTrap(thrown: unknown): thrown is Error {
  return thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError;
}

function trapped(thrown: Error, doing: string, bytes: number): OxidizedVisionError {
  const mebibytes = Math.round(bytes / (1 << 20));
  return new OxidizedVisionError(
    "panicked",
    `The engine stopped while ${doing}: ${thrown.message}`,
    `Memory may have run out: it held ${mebibytes} MiB. Try a smaller picture, or another engine.`,
  );
}
