// The interface of the modules, which carry these types too: Rust reads this file.

/** Element types, named as in `runner_core` and in Python. */
export type Dtype = "f32" | "f64" | "f16" | "i64" | "i32" | "i8" | "u8" | "bool";

/** The engine of a module. */
export interface EngineVersion {
  name: "rten" | "tract";
  version: string;
  /** Whether workers can compute for it. */
  threads: boolean;
  /** What it takes and gives. */
  dtypes: Dtype[];
}

/** What an input or an output is; a string is an axis that may change from run to run. */
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
  /** Threads that one run really uses. */
  threads: number;
}

/** `f16` lies in a Uint16Array as its bits, `bool` in a Uint8Array as 0 and 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array;

/** Values row by row. */
export interface Tensor {
  name: string;
  dtype: Dtype;
  shape: number[];
  data: TensorData;
}

export interface ScoredClass {
  classId: number;
  label: string | null;
  score: number;
}

export interface Detection extends ScoredClass {
  /** Left, top, right, bottom in pixels of the picture. */
  box: [number, number, number, number];
}

/** What a picture came out as; `tensors` where the contract has no postprocess, or raw. */
export type Prediction =
  | { kind: "classification"; classes: ScoredClass[] }
  | { kind: "detection"; width: number; height: number; detections: Detection[] }
  | {
      kind: "segmentation";
      width: number;
      height: number;
      /** The class of every pixel, row by row; `unseen` where the model saw nothing. */
      ids: Uint16Array;
      unseen: number;
      labels: string[] | null;
      colors: [number, number, number][] | null;
    }
  | { kind: "image"; width: number; height: number; rgba: Uint8ClampedArray }
  | { kind: "tensors"; tensors: Tensor[] };

/** Milliseconds. */
export interface Timing {
  decodeMs: number;
  preprocessMs: number;
  runMs: number;
  postprocessMs: number;
}

/** What a model made of a picture of these sides. */
export interface Predicted {
  prediction: Prediction;
  timing: Timing;
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
export interface GoldenReport {
  passed: boolean;
  cases: number;
  /** The largest of all outputs; Infinity where one cannot be compared. */
  maxError: number;
  tolerance: { mae: number; cosineSimilarity: number };
  rows: GoldenRow[];
}

/** A contract block, as in config.yml. */
export type ContractBlock = Record<string, unknown>;

/** How pictures go through a model, as its file or the options say it. */
export interface Contract {
  name: string | null;
  preprocess: ContractBlock;
  postprocess: ContractBlock | null;
  tiling: { overlap: number; multiple: number } | null;
}

/** What a module is told when it loads a model. */
export interface ModuleOptions {
  /** Stands in messages. */
  name?: string;
  threads?: number;
  /** Lengths for the axes of inputs, by input name. */
  inputShapes?: Record<string, number[]>;
  /** As in config.yml; wins over what the file says. */
  preprocess?: ContractBlock;
  /** As in config.yml; wins over what the file says. */
  postprocess?: ContractBlock;
  /** The engine's own graph optimisation; left out, it is on. */
  optimize?: boolean;
}

/** What every function here throws; `name` is "OxidizedVisionError". */
export interface ModuleError extends Error {
  kind: string;
  hint: string;
}
