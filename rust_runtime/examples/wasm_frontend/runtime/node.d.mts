import type {
  ContractBlock,
  Engine,
  GoldenReport,
  ModelInfo,
  ModuleOptions,
  Predicted,
  Tensor,
} from "./dist/types.js";

export type * from "./dist/types.js";

export interface NodeOptions extends Omit<ModuleOptions, "threads"> {
  /** Default `rten`. */
  engine?: Engine;
  /** The module's folder, when it is not that of this package. */
  module?: string;
}

/** A model that computes in the caller's own thread. */
export interface NodeModel {
  readonly info: ModelInfo;
  /** How pictures go in and what comes out; undefined where the model does not say. */
  readonly contract: ContractBlock | undefined;
  run(inputs: Tensor[]): Promise<Tensor[]>;
  /** An encoded JPEG, PNG, WebP or BMP. */
  predict(picture: Uint8Array): Promise<Predicted>;
  predictPixels(rgba: Uint8ClampedArray, width: number, height: number): Promise<Predicted>;
  checkGoldens(goldens: Uint8Array): Promise<GoldenReport>;
  /** SHA-256 of the model's file, in hexadecimal. */
  sha256(): Promise<string>;
  /** Bytes of WebAssembly memory of the module, which the models of one engine share. */
  memoryBytes(): number;
  close(): void;
}

/** Load a model in Node. Rejects with an `OxidizedVisionError`. */
export function loadInNode(
  bytes: Uint8Array | ArrayBuffer,
  options?: NodeOptions,
): Promise<NodeModel>;

/** The one error of this package: a kind, what failed, and what to do next. */
export class OxidizedVisionError extends Error {
  constructor(kind: string, message: string, hint?: string, options?: ErrorOptions);
  readonly kind: string;
  readonly hint: string;
}
