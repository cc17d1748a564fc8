import { OxidizedVisionError } from "./errors.js";

/** The error of work that was given up; the cause is what the signal was aborted with. */
export function interrupted(what: string, signal?: AbortSignal): OxidizedVisionError {
  return new OxidizedVisionError("interrupted", `${what} was given up`, "", {
    cause: signal?.reason,
  });
}

/** Throws where the signal is aborted already. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw interrupted(what, signal);
}

/** Waits for `work`; when the signal is aborted first, calls `stop` and rejects at once. */
export async function abortable<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  stop: (reason: OxidizedVisionError) => void,
  what: string,
): Promise<T> {
  if (signal === undefined) return work;
  let listener = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    listener = () => {
      const reason = interrupted(what, signal);
      stop(reason);
      reject(reason);
    };
    signal.addEventListener("abort", listener);
    if (signal.aborted) listener();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}
