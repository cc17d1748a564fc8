import { isError, type Kind, OxidizedVisionError } from "./errors.js";
import { interrupted } from "./signals.js";
import type { Take } from "./source.js";

/** Bytes so far, and in all where the server says so. */
export type Report = (loaded: number, total: number | null) => void;

/** What is fetched: its address, and how messages and hints speak of it. */
export interface Wanted {
  url: URL | string;
  what: string;
  /** What to do where it is not there. */
  hint: string;
  /** The kind of the error where it is not there. */
  missing: Kind;
}

/** The response to a request that succeeded. */
export async function fetched(wanted: Wanted, signal?: AbortSignal): Promise<Response> {
  const { url, what, hint } = wanted;
  const response = await reading(wanted, signal, () => fetch(url, { signal: signal ?? null }));
  if (response.ok) return response;
  const kind = response.status === 404 || response.status === 410 ? wanted.missing : "unreadable";
  throw new OxidizedVisionError(kind, `${what}: ${url} answered ${response.status}`, hint);
}

/** Read a response to its end, telling how far it is; `take` keeps the parts. */
export async function readParts(response: Response, report: Report, take: Take): Promise<void> {
  const total = lengthOf(response);
  let loaded = 0;
  report(0, total);
  if (response.body === null) return;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    loaded += value.byteLength;
    // A part may be a piece of a larger buffer, which cannot change hands.
    take(value.byteLength === value.buffer.byteLength ? value : value.slice(), total);
    report(loaded, total);
  }
}

/** The length that a response will have; the header counts compressed bytes, which are others. */
function lengthOf(response: Response): number | null {
  const length = response.headers.get("content-length");
  if (length === null || response.headers.get("content-encoding")) return null;
  return Number(length);
}

/** Do what reads from the network; that it fails becomes an error about what was wanted. */
export async function reading<T>(
  wanted: Wanted,
  signal: AbortSignal | undefined,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (isError(thrown)) throw thrown;
    if (signal?.aborted) throw interrupted(`Fetching ${wanted.what}`, signal);
    throw new OxidizedVisionError(
      "unreadable",
      `${wanted.what}: ${wanted.url} could not be read: ${said(thrown)}`,
      "Check the address and the connection; another origin must allow this page (CORS).",
      { cause: thrown },
    );
  }
}

function said(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
