import { errorFromData, OxidizedVisionError } from "./errors.js";
import type { AnswerMessage, AnswerTo, Request, RequestMessage } from "./protocol.js";

/** What is needed of a `Worker`. */
export interface WorkerLike {
  postMessage(message: RequestMessage, transfer: Transferable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A worker that answers requests, seen from the page. */
export class Channel {
  readonly #worker: WorkerLike;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #end: unknown;

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    worker.onmessage = (event) => this.#hear(event.data as AnswerMessage);
    worker.onerror = (event) => this.end(broken(event.message));
    worker.onmessageerror = () => this.end(broken("a message could not be read"));
  }

  /** Whether requests can still be answered. */
  get open(): boolean {
    return this.#end === undefined;
  }

  /** Send a request and wait for its answer. */
  ask<R extends Request>(request: R, transfer: Transferable[] = []): Promise<AnswerTo<R>> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      const id = this.#next++;
      this.#worker.postMessage({ id, request }, transfer);
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
    });
  }

  /** End the worker, whatever it is doing; who waits gets `reason`. */
  end(reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  #hear(answer: AnswerMessage): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ("value" in answer) {
      waiting.resolve(answer.value);
      return;
    }
    const error = errorFromData(answer.error);
    waiting.reject(error);
    if (answer.dead) this.end(error);
  }
}

function broken(said: string | undefined): OxidizedVisionError {
  return new OxidizedVisionError(
    "backend_unavailable",
    `The model's worker failed: ${said || "its script could not be loaded"}`,
    "The worker's script must be served from the page's own origin, and the page's " +
      "Content-Security-Policy must allow workers and 'wasm-unsafe-eval'.",
  );
}
