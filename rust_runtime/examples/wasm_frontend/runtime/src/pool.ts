import { type ErrorData, errorFromData, OxidizedVisionError } from "./errors.js";
import type { ThreadMessage, ThreadStart } from "./protocol.js";
import { brokenWorker, threadWorker, type WorkerLike } from "./workers.js";

/** The threads that compute for one model. The page holds them, since the model's worker waits. */
export class Pool {
  readonly #workers: WorkerLike<ThreadStart>[] = [];
  readonly #starting: ((reason: unknown) => void)[] = [];
  /** Called where a thread ends by itself: the model's worker would wait for it for ever. */
  readonly #onEnd: (reason: OxidizedVisionError) => void;

  constructor(onEnd: (reason: OxidizedVisionError) => void) {
    this.#onEnd = onEnd;
  }

  /** Start threads; resolves when each is about to wait for work. */
  async start(threads: number, what: ThreadStart): Promise<void> {
    const ready = Array.from({ length: threads }, () => this.#startOne(what));
    await Promise.all(ready);
  }

  end(reason: unknown): void {
    for (const worker of this.#workers) worker.terminate();
    for (const reject of this.#starting) reject(reason);
    this.#workers.length = 0;
  }

  #startOne(what: ThreadStart): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#starting.push(reject);
      const fail = (reason: OxidizedVisionError): void => {
        reject(reason);
        this.#onEnd(reason);
      };
      const worker = threadWorker<ThreadStart>();
      this.#workers.push(worker);
      worker.onmessage = ({ data }: MessageEvent<ThreadMessage>) => {
        if ("ready" in data) resolve();
        else fail(panicked(data.ended));
      };
      worker.onerror = ({ message }) => fail(brokenWorker(message));
      worker.onmessageerror = () => fail(brokenWorker("a message could not be read"));
      worker.postMessage(what, []);
    });
  }
}

/** A trap in a thread is a trap of the model. */
function panicked(error: ErrorData): OxidizedVisionError {
  if (error.kind !== "internal") return errorFromData(error);
  return new OxidizedVisionError(
    "panicked",
    `A thread of the engine stopped: ${error.message}`,
    "Memory may have run out. Try one thread, a smaller picture, or another engine.",
  );
}
