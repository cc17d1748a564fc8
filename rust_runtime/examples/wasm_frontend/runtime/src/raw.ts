/** What the modules export, as their own .d.ts say it. */
import type {
  ContractBlock,
  GoldenReport,
  ModelInfo,
  ModuleOptions,
  Predicted,
  Tensor,
} from "./types.js";

export interface RawModel {
  readonly info: ModelInfo;
  readonly contract: ContractBlock | undefined;
  run(inputs: Tensor[]): Tensor[];
  predict(picture: Uint8Array): Predicted;
  predictPixels(rgba: Uint8ClampedArray, width: number, height: number): Predicted;
  checkGoldens(goldens: Uint8Array): GoldenReport;
  free(): void;
}

/** A model's file, put together in the module's memory. */
export interface RawFile {
  push(bytes: Uint8Array): void;
}

export interface RawModule {
  initSync(source: { module: WebAssembly.Module; memory?: WebAssembly.Memory }): {
    memory: WebAssembly.Memory;
  };
  ModelFile: new (length: number) => RawFile;
  /** Loads the file, and takes it. */
  Model: { fromFile(file: RawFile, options: ModuleOptions): RawModel };
  sha256(bytes: Uint8Array): string;
  version(): { name: string; version: string; threads: boolean };
  /** Computes for the pool, and returns when the pool is gone. Only in modules with threads. */
  startThread?(): void;
  /** Of the caller and one less than so many that have started. Only in modules with threads. */
  buildThreadPool?(threads: number): void;
}

/** Imports a module's JavaScript. */
export type OpenGlue = (address: string) => Promise<RawModule>;
