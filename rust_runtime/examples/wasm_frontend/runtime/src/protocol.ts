/** Messages between a page and the worker of one model. */
import type { ErrorData } from "./errors.js";
import type {
  ContractBlock,
  GoldenReport,
  ModelInfo,
  ModuleOptions,
  Pixels,
  Predicted,
  Tensor,
} from "./types.js";

/**
 * A worker is opened, started and loaded, in this order and once, before it answers the rest. The
 * model's parts come before it is loaded, whenever they are here.
 */
export type Request =
  /** Import the module's JavaScript, while the module comes. */
  | { call: "open"; glue: string }
  | { call: "start"; module: WebAssembly.Module }
  /** The next bytes of the model's file, which has `total` where that is known. */
  | { call: "part"; bytes: Bytes; total: number | null }
  | { call: "load"; options: ModuleOptions; threads: number }
  | { call: "run"; inputs: Tensor[] }
  | { call: "predict"; picture: Uint8Array }
  | { call: "predictPixels"; pixels: Pixels }
  | { call: "checkGoldens"; goldens: Uint8Array }
  | { call: "sha256"; bytes: Bytes }
  | { call: "memoryBytes" };

/** Bytes in memory that can change hands. */
export type Bytes = Uint8Array<ArrayBuffer>;

export interface Started {
  /** The module's memory, where other threads may share it. */
  memory: WebAssembly.Memory | undefined;
  startMs: number;
}

export interface Loaded {
  info: ModelInfo;
  contract: ContractBlock | undefined;
  /** The parts that were loaded, given back: the worker has no more use for them. */
  parts: Bytes[];
  loadMs: number;
}

/** What each call is answered with. */
export interface Answers {
  open: null;
  start: Started;
  part: null;
  load: Loaded;
  run: Tensor[];
  predict: Predicted;
  predictPixels: Predicted;
  checkGoldens: GoldenReport;
  sha256: string;
  memoryBytes: number;
}

export type RequestOf<C extends Request["call"]> = Extract<Request, { call: C }>;

export type AnswerTo<R extends Request> = Answers[R["call"]];

export interface RequestMessage {
  id: number;
  request: Request;
}

export type AnswerMessage =
  | { id: number; value: Answers[keyof Answers] }
  /** `dead`: the module cannot be used any more, so neither can the worker. */
  | { id: number; error: ErrorData; dead: boolean };

/** What a thread of the pool is told, once. */
export interface ThreadStart {
  glue: string;
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}

/** What a thread says: that it is about to wait for work, or why it ended. */
export type ThreadMessage = { ready: true } | { ended: ErrorData };

/** The buffers in a value that may change hands instead of being copied. */
export function buffersIn(value: unknown, found: Set<ArrayBuffer> = new Set()): Set<ArrayBuffer> {
  if (value instanceof ArrayBuffer) {
    found.add(value);
  } else if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (Array.isArray(value)) {
    for (const part of value) buffersIn(part, found);
  } else if (isPlain(value)) {
    for (const part of Object.values(value)) buffersIn(part, found);
  }
  return found;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && value.constructor === Object;
}
