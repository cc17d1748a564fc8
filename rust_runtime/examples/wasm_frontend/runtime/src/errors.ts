/** What went wrong: the kinds of `oxidizedvision.core.errors.Kind`, one to one. */
export const KINDS = [
  "usage",
  "config",
  "model",
  "checkpoint",
  "export",
  "input",
  "check_failed",
  "build_failed",
  "not_found",
  "unreadable",
  "corrupt",
  "unsupported",
  "device_unavailable",
  "backend_unavailable",
  "invalid_option",
  "missing_input",
  "unknown_input",
  "duplicate_input",
  "dtype_mismatch",
  "shape_mismatch",
  "not_single",
  "engine_failed",
  "panicked",
  "dependency_missing",
  "file_system",
  "interrupted",
  "internal",
] as const;

export type Kind = (typeof KINDS)[number];

/** An error as it crosses to and from workers. */
export interface ErrorData {
  kind: Kind;
  message: string;
  hint: string;
}

/** The one error that this package throws: a kind, what failed, and what to do next. */
export class OxidizedVisionError extends Error {
  override readonly name = "OxidizedVisionError";
  readonly kind: Kind;
  /** The next step as a sentence; empty where the message says it all. */
  readonly hint: string;

  constructor(kind: Kind, message: string, hint = "", options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.hint = hint;
  }

  /** The error's parts as plain data. */
  toJSON(): ErrorData {
    return { kind: this.kind, message: this.message, hint: this.hint };
  }
}

/** An error from its plain data. */
export function errorFromData(data: ErrorData): OxidizedVisionError {
  return new OxidizedVisionError(data.kind, data.message, data.hint);
}

/** The plain data of anything that was thrown; what is none of ours is `internal`. */
export function errorToData(thrown: unknown): ErrorData {
  if (isError(thrown)) {
    const { kind, message, hint } = thrown;
    return { kind, message, hint };
  }
  const said = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return { kind: "internal", message: said, hint: "Please report it with the model's name." };
}

/** Whether it is one of our errors, also when a module made it or it was made elsewhere. */
export function isError(thrown: unknown): thrown is ErrorData & Error {
  if (!(thrown instanceof Error) || thrown.name !== "OxidizedVisionError") return false;
  const { kind, hint } = thrown as Partial<ErrorData>;
  return typeof hint === "string" && (KINDS as readonly unknown[]).includes(kind);
}
