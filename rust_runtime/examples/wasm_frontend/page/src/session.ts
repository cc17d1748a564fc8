import {
  type Engine,
  type GoldenReport,
  type LoadOptions,
  load,
  type Model,
  type ModelSource,
  type Pixels,
  type Predicted,
  type Progress,
  type Tensor,
} from "@oxidizedvision/runtime/bare";

import { type Contract, fixedShape, type PictureInput, pictureInput } from "./contract.ts";
import type { Measured, Run } from "./timing_card.ts";

/** A model that is to be loaded, and how. */
export interface Opening {
  source: ModelSource;
  name: string;
  bytes: number | undefined;
  engine: Engine | "auto";
  modules: URL;
  /** Whether the module with threads is there; without a network nothing could tell. */
  threads: boolean;
  /** Wins over what the file says of its pictures. */
  contract: Contract | undefined;
  /** Where the picture goes in, once the file has been seen. */
  input: PictureInput | undefined;
}

/** A loaded model and what was measured of it. */
export class Session {
  readonly measured: Measured;
  readonly input: PictureInput | undefined;

  private constructor(
    readonly model: Model,
    readonly opening: Opening,
  ) {
    const { info, engine, loadTiming } = model;
    const threads = info.threads > 1 ? `, ${info.threads} threads` : "";
    const version = info.backendVersion ? ` ${info.backendVersion}` : "";
    this.measured = {
      load: loadTiming,
      first: undefined,
      runs: [],
      memory: undefined,
      engine: `${engine}${version}${threads}`,
    };
    this.input = pictureInput(info.inputs);
  }

  static async open(
    opening: Opening,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Session> {
    const { source, name, engine, modules, threads, contract, input } = opening;
    const shape = input && fixedShape(input, contract?.preprocess?.resize);
    const options: LoadOptions & { modules: URL } = {
      name,
      engine,
      modules,
      threads: threads ? "auto" : 1,
      signal,
      onProgress,
      ...(input && shape ? { inputShapes: { [input.name]: shape } } : {}),
      ...(contract?.preprocess ? { preprocess: { ...contract.preprocess } } : {}),
      ...(contract?.postprocess ? { postprocess: { ...contract.postprocess } } : {}),
    };
    return new Session(await load(source, options), opening);
  }

  /** How pictures go in and come out, or undefined where nobody has said yet. */
  get contract(): Contract | undefined {
    const said = this.opening.contract ?? (this.model.contract as Partial<Contract> | undefined);
    if (!said?.preprocess) return undefined;
    return { preprocess: said.preprocess, postprocess: said.postprocess ?? null };
  }

  /** One prediction, timed as the user waits for it. */
  async predict(given: Blob | Pixels, signal: AbortSignal): Promise<Predicted> {
    const started = performance.now();
    const result = await this.model.predict(given, { signal });
    const totalMs = performance.now() - started;
    await this.note({ ...result.timing, totalMs });
    return result;
  }

  /** Times of another picture say nothing of this one. */
  anotherPicture(): void {
    this.measured.runs = [];
  }

  private async note(run: Run): Promise<void> {
    this.measured.first ??= run;
    this.measured.runs.push(run);
    this.measured.memory = await this.model.memoryBytes();
  }

  async run(inputs: Tensor[], signal: AbortSignal): Promise<Tensor[]> {
    const started = performance.now();
    const outputs = await this.model.run(inputs, { signal });
    const runMs = performance.now() - started;
    await this.note({ decodeMs: 0, preprocessMs: 0, runMs, postprocessMs: 0, totalMs: runMs });
    return outputs;
  }

  checkGoldens(goldens: Uint8Array, signal: AbortSignal): Promise<GoldenReport> {
    return this.model.checkGoldens(goldens, { signal });
  }

  close(): void {
    this.model.close();
  }
}
