import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Dtype, Tensor, TensorData } from "../src/types.js";

const ROOT = new URL("../../../../../", import.meta.url);
const MODULES = new URL("../modules/", import.meta.url);

const KINDS: Record<string, [Dtype, (bytes: ArrayBuffer) => TensorData]> = {
  F32: ["f32", (bytes) => new Float32Array(bytes)],
  F64: ["f64", (bytes) => new Float64Array(bytes)],
  F16: ["f16", (bytes) => new Uint16Array(bytes)],
  I64: ["i64", (bytes) => new BigInt64Array(bytes)],
  I32: ["i32", (bytes) => new Int32Array(bytes)],
  I8: ["i8", (bytes) => new Int8Array(bytes)],
  U8: ["u8", (bytes) => new Uint8Array(bytes)],
  BOOL: ["bool", (bytes) => new Uint8Array(bytes)],
};

/** A file of the repository. */
export function repositoryFile(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(path, ROOT)));
}

/** The folder of a module that must have been built. */
export function builtModule(name: string): string {
  const folder = new URL(`${name}/`, MODULES);
  if (!existsSync(new URL("oxidizedvision_bg.wasm", folder)))
    throw new Error(
      `The module ${name} is not built. Run: scripts/wasm.sh --everyday ${name} (make test-web does)`,
    );
  return fileURLToPath(folder);
}

/** One recorded run: what went in, and what PyTorch gave. */
export interface RecordedCase {
  inputs: Tensor[];
  outputs: Tensor[];
}

/** The cases of a .safetensors file, whose tensors are called `case/input/name`. */
export function recordedCases(path: string): Map<string, RecordedCase> {
  const bytes = repositoryFile(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const cases = new Map<string, RecordedCase>();
  for (const [key, entry] of Object.entries<Entry>(head)) {
    const [recorded = "", side, name = ""] = key.split("/");
    const kind = KINDS[entry.dtype];
    if (kind === undefined) continue;
    const [start, end] = entry.data_offsets.map((offset) => offset + 8 + length);
    const tensor = {
      name,
      dtype: kind[0],
      shape: entry.shape,
      data: kind[1](bytes.slice(start, end).buffer),
    };
    const found = cases.get(recorded) ?? { inputs: [], outputs: [] };
    (side === "input" ? found.inputs : found.outputs).push(tensor);
    cases.set(recorded, found);
  }
  return cases;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** The largest difference, over the largest value of the reference. */
export function relativeError(got: TensorData | undefined, wanted: TensorData): number {
  if (got?.length !== wanted.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (const [index, value] of wanted.entries()) {
    difference = Math.max(difference, Math.abs(Number(got[index]) - Number(value)));
    largest = Math.max(largest, Math.abs(Number(value)));
  }
  return difference / Math.max(largest, 1e-12);
}
