import { OxidizedVisionError } from "./errors.js";

/** What is needed of a `Worker`. */
export interface WorkerLike<Said> {
  postMessage(message: Said, transfer: Transferable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
}

/** The worker of a model. */
export function modelWorker<Said>(): WorkerLike<Said> {
  return started(() => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
}

/** A worker for one thread of a pool. */
export function threadWorker<Said>(): WorkerLike<Said> {
  return started(() => new Worker(new URL("./thread.js", import.meta.url), { type: "module" }));
}

/** The error of a worker that failed by itself. */
export function brokenWorker(said: unknown): OxidizedVisionError {
  return new OxidizedVisionError(
    "backend_unavailable",
    `The model's worker failed: ${said || "its script could not be loaded"}`,
    "The worker's script must be served from the page's own origin, and the page's " +
      "Content-Security-Policy must allow workers and 'wasm-unsafe-eval'.",
  );
}

function started<Said>(start: () => WorkerLike<Said>): WorkerLike<Said> {
  try {
    return start();
  } catch (thrown) {
    throw brokenWorker(thrown instanceof Error ? thrown.message : thrown);
  }
}
