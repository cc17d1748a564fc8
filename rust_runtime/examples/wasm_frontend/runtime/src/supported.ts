import { OxidizedVisionError } from "./errors.js";

/** A function that uses one 128-bit constant: valid only where SIMD is. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]);

/** What this browser can do. */
export interface Support {
  /** Whether models can be loaded at all; `problem` says why not. */
  ok: boolean;
  simd: boolean;
  /** Whether models can use several threads here: it needs cross-origin isolation. */
  threads: boolean;
  crossOriginIsolated: boolean;
  /** Threads that `auto` takes. */
  autoThreads: number;
  problem: OxidizedVisionError | undefined;
}

const MOST_THREADS = 4;

/** What this browser can do, told at once. */
export function supported(): Support {
  const webAssembly = typeof WebAssembly === "object";
  const simd = webAssembly && WebAssembly.validate(SIMD_PROBE);
  const isolated = globalThis.crossOriginIsolated === true;
  const threads = isolated && typeof SharedArrayBuffer === "function";
  const cores = globalThis.navigator?.hardwareConcurrency ?? 1;
  const problem = whatIsMissing(webAssembly, simd);
  return {
    ok: problem === undefined,
    simd,
    threads,
    crossOriginIsolated: isolated,
    autoThreads: threads ? Math.max(1, Math.min(cores, MOST_THREADS)) : 1,
    problem,
  };
}

function whatIsMissing(webAssembly: boolean, simd: boolean): OxidizedVisionError | undefined {
  if (!webAssembly) return lacks("WebAssembly");
  if (!simd) return lacks("WebAssembly SIMD");
  if (typeof Worker !== "function") return lacks("Web Workers");
  return undefined;
}

function lacks(part: string): OxidizedVisionError {
  return new OxidizedVisionError(
    "unsupported",
    `This browser has no ${part}, which every engine needs`,
    "Use a browser of 2023 or later: Chrome 91, Firefox 89 and Safari 16.4 are the oldest.",
  );
}
