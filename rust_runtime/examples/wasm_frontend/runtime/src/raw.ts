/** What the modules export, as their own .d.ts say it. */
import type {
  ContractBlock,
  GoldenCheck,
  ModelInfo,
  ModuleOptions,
  PictureResult,
  Tensor,
} from "./types.js";

export interface RawModel {
  readonly info: ModelInfo;
  readonly contract: ContractBlock | undefined;
  run(inputs: Tensor[]): Tensor[];
  predict(picture: Uint8Array): PictureResult;
  predictPixels(rgba: Uint8ClampedArray, width: number, height: number): PictureResult;
  checkGoldens(goldens: Uint8Array): GoldenCheck;
  free(): void;
}

export interface RawOptions extends ModuleOptions {
  /** Whether the module hashes the file itself, which takes it longer than loading; default true. */
  hash?: boolean;
}

export interface RawModule {
  initSync(source: { module: WebAssembly.Module; memory?: WebAssembly.Memory }): {
    memory: WebAssembly.Memory;
  };
  Model: { load(model: Uint8Array, options: RawOptions): RawModel };
  version(): { name: string; version: string; threads: boolean };
  /** Computes for the pool, and returns when the pool is gone. Only in modules with threads. */
  startThread?(): void;
  /** Waits until this many threads have started. Only in modules with threads. */
  buildThreadPool?(threads: number): void;
}

/** Imports a module's JavaScript. */
export type OpenGlue = (address: string) => Promise<RawModule>;
