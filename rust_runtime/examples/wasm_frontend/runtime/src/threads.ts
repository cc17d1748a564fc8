import { OxidizedVisionError } from "./errors.js";
import type { Support } from "./supported.js";
import type { Engine } from "./types.js";

/** The threads that an engine will have here; more than there can be is an error. */
export function threadsFor(
  engine: Engine,
  asked: number | "auto",
  support: Pick<Support, "threads" | "autoThreads">,
): number {
  if (asked === "auto") return engine === "rten" ? support.autoThreads : 1;
  if (!Number.isInteger(asked) || asked < 1)
    throw new OxidizedVisionError(
      "invalid_option",
      `threads is ${asked}`,
      "Give a whole number from 1, or `auto`.",
    );
  if (asked > 1 && engine !== "rten")
    throw new OxidizedVisionError(
      "invalid_option",
      `${engine} has no threads in a browser, and ${asked} were asked for`,
      "Use the engine rten, or 1 thread.",
    );
  if (asked > 1 && !support.threads)
    throw new OxidizedVisionError(
      "unsupported",
      `${asked} threads were asked for, and this page is not cross-origin isolated`,
      "Serve it with Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp, or ask for `auto`.",
    );
  return asked;
}
