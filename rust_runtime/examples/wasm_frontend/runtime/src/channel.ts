import { errorFromData } from "./errors.js";
import type { AnswerMessage, AnswerTo, Request, RequestMessage } from "./protocol.js";
import { brokenWorker, type WorkerLike } from "./workers.js";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A worker that answers requests, seen from the page. */
export class Channel {
  readonly #worker: WorkerLike<RequestMessage>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEnd: (reason: unknown) => void;
  #next = 0;
  #end: unknown;

  /** `onEnd` is called once, however the worker ends. */
  constructor(worker: WorkerLike<RequestMessage>, onEnd = (_reason: unknown): void => undefined) {
    this.#worker = worker;
    this.#onEnd = onEnd;
    worker.onmessage = (event) => this.#hear(event.data as AnswerMessage);
    worker.onerror = (event) => this.end(brokenWorker(event.message));
    worker.onmessageerror = () => this.end(brokenWorker("a message could not be read"));
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
    this.#onEnd(reason);
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
