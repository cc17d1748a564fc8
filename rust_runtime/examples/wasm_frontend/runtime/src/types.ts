import type {
  ContractBlock,
  GoldenReport,
  ModelInfo,
  ModuleOptions,
  Predicted,
  Tensor,
} from "./module_types.js";

export type {
  ContractBlock,
  Detection,
  Dtype,
  GoldenReport,
  GoldenRow,
  ModelInfo,
  ModuleOptions,
  Predicted,
  Prediction,
  ScoredClass,
  Tensor,
  TensorData,
  TensorSpec,
  Timing,
} from "./module_types.js";

/** Pixels as `ImageData` holds them: RGBA, 8 bits each. */
export interface Pixels {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

export type Engine = "rten" | "tract";

/** The folders of modules/. */
export type ModuleName = "rten" | "rten-threads" | "tract";

export interface Progress {
  /** `module` and `model` are downloads, `compile` and `load` work that has no measure. */
  phase: "module" | "model" | "compile" | "load" | "trial";
  /** Bytes so far, after decompression. */
  loaded: number;
  /** Bytes in all, or null where the server does not say. */
  total: number | null;
}

export interface LoadOptions extends Omit<ModuleOptions, "threads"> {
  /** Default `rten`; `auto` times the engines on the model and keeps the faster. */
  engine?: Engine | "auto";
  /** Default `auto`: up to 4 where the page is cross-origin isolated and the engine has threads. */
  threads?: number | "auto";
  /** Ends the worker, and the load rejects with kind `interrupted`. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  /** Where the modules' folders are, when not beside this package: `https://host/modules/`. */
  modules?: string | URL;
}

/** What a model can be loaded from: its bytes, a file, or an address. */
export type ModelSource = Uint8Array | ArrayBuffer | Blob | URL | string;

export interface LoadTiming {
  /** Until the module and the model were here. */
  fetchMs: number;
  /** From then until the module was ready. */
  instantiateMs: number;
  /** From then until the model could run. */
  loadMs: number;
}

/** One engine that `auto` looked at. */
export interface Candidate {
  engine: Engine;
  threads: number;
  /** The best of its runs, or null where it refused. */
  bestMs: number | null;
  /** Why it cannot be used. */
  problem?: { kind: string; message: string; hint: string };
}

/** What runs the model, and why. */
export interface Choice {
  engine: Engine;
  threads: number;
  why: string;
  candidates: Candidate[];
}

export interface CallOptions {
  /** Ends the worker; the model loads again at the next call. */
  signal?: AbortSignal;
}

/** A loaded model in a worker of its own. Calls wait for each other. Close it when done. */
export interface Model {
  readonly info: ModelInfo;
  /** How pictures go in and what comes out; undefined where the model does not say. */
  readonly contract: ContractBlock | undefined;
  readonly engine: Engine;
  readonly choice: Choice;
  readonly loadTiming: LoadTiming;
  /** Any number of named tensors of any element type. */
  run(inputs: Tensor[], options?: CallOptions): Promise<Tensor[]>;
  /** An encoded JPEG, PNG, WebP or BMP, or pixels. */
  predict(picture: Blob | Uint8Array | Pixels, options?: CallOptions): Promise<Predicted>;
  /** `goldens`: the NAME.golden.safetensors that `convert` writes. */
  checkGoldens(goldens: Uint8Array, options?: CallOptions): Promise<GoldenReport>;
  /** SHA-256 of the model's file, in hexadecimal. */
  sha256(): Promise<string>;
  /** Bytes of WebAssembly memory that the worker holds. */
  memoryBytes(): Promise<number>;
  /** Ends the worker. Calls that wait reject with kind `interrupted`; answers that come late are dropped. */
  close(): void;
}
