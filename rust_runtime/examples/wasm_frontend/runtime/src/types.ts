/** Element types, named as in `runner_core` and in Python. */
export type Dtype = "f32" | "f64" | "f16" | "i64" | "i32" | "i8" | "u8" | "bool";

/** Name, element type and axes of an input or output; an axis that may change is its name. */
export interface TensorSpec {
  name: string;
  dtype: Dtype;
  dims: (number | string)[];
}

/** What a loaded model is, known before its first run. */
export interface ModelInfo {
  model: string;
  backend: string;
  backendVersion: string;
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  threads: number;
  sha256: string;
}

/** Elements in row-major order; f16 as the bits in a Uint16Array, bool as a Uint8Array of 0 and 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array;

export interface Tensor {
  name: string;
  dtype: Dtype;
  shape: number[];
  data: TensorData;
}

export interface ClassScore {
  classId: number;
  label: string | null;
  score: number;
}

export interface Detection {
  /** Left, top, right, bottom in pixels of the picture that was given. */
  box: [number, number, number, number];
  score: number;
  classId: number;
  label: string | null;
}

/** What a picture came out as; `tensors` where the contract has no postprocess, or raw. */
export type Prediction =
  | { kind: "classification"; classes: ClassScore[] }
  | { kind: "detection"; width: number; height: number; detections: Detection[] }
  | {
      kind: "segmentation";
      width: number;
      height: number;
      ids: Uint16Array;
      /** The id of pixels that the model did not see. */
      unseen: number;
      labels: string[] | null;
      colors: [number, number, number][] | null;
    }
  | { kind: "image"; width: number; height: number; rgba: Uint8ClampedArray }
  | { kind: "tensors"; tensors: Tensor[] };

/** Milliseconds inside the engine's module. */
export interface Timing {
  decodeMs: number;
  preprocessMs: number;
  runMs: number;
  postprocessMs: number;
}

export interface PictureResult {
  prediction: Prediction;
  timing: Timing;
  /** Of the picture as it was decoded. */
  width: number;
  height: number;
}

/** One output of one recorded case. */
export interface GoldenRow {
  case: string;
  output: string;
  passed: boolean;
  /** How far the output is from PyTorch's, or why that cannot be said. */
  difference: string;
}

/** The outcome of replaying recorded inputs against PyTorch's recorded outputs. */
export interface GoldenCheck {
  passed: boolean;
  cases: number;
  /** The largest of all outputs; Infinity where one cannot be compared. */
  maxError: number;
  tolerance: { mae: number; cosineSimilarity: number };
  rows: GoldenRow[];
}

/** Pixels as `ImageData` holds them: RGBA, 8 bits each. */
export interface Pixels {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/** A contract block, as in config.yml. */
export type ContractBlock = Record<string, unknown>;

/** What the module is told when it loads a model. */
export interface ModuleOptions {
  /** What messages call the model. */
  name?: string;
  threads?: number;
  /** Lengths for the axes of inputs, by input name. */
  inputShapes?: Record<string, number[]>;
  /** Wins over what the file's metadata says. */
  preprocess?: ContractBlock;
  postprocess?: ContractBlock;
  /** The engine's own graph optimisation; off runs the graph as loaded. */
  optimize?: boolean;
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
  predict(picture: Blob | Uint8Array | Pixels, options?: CallOptions): Promise<PictureResult>;
  /** `goldens`: the NAME.golden.safetensors that `convert` writes. */
  checkGoldens(goldens: Uint8Array, options?: CallOptions): Promise<GoldenCheck>;
  /** Bytes of WebAssembly memory that the worker holds. */
  memoryBytes(): Promise<number>;
  /** Ends the worker. Calls that wait reject with kind `interrupted`; answers that come late are dropped. */
  close(): void;
}
