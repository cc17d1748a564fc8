import type { Session } from "./session.js";
import type { ContractBlock, Dtype, ModelInfo, Tensor, TensorData, TensorSpec } from "./types.js";

const WARM_UPS = 2;
const RUNS = 5;
const PATIENCE_MS = 2000;
/** What the axes of a picture are taken for where nothing says how long they are. */
const USUAL_SIDE = 224;

const ARRAYS: Record<Dtype, new (length: number) => TensorData> = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** Inputs of the model's own shape: the lengths that were given, those of its pictures, or usual ones. */
export function trialInputs(
  info: ModelInfo,
  contract: ContractBlock | undefined,
  given: Record<string, number[]> = {},
): Tensor[] {
  return info.inputs.map((spec) => {
    const shape = given[spec.name] ?? trialShape(spec, pictureSize(contract));
    const data = new ARRAYS[spec.dtype](shape.reduce((product, length) => product * length, 1));
    if (data instanceof Float32Array || data instanceof Float64Array) fill(data);
    return { name: spec.name, dtype: spec.dtype, shape, data };
  });
}

/** Zeros would be quick in some engines and slow in none. */
function fill(data: Float32Array | Float64Array): void {
  for (let index = 0; index < data.length; index++)
    data[index] = ((index * 2654435761) % 997) / 997;
}

function trialShape({ dims }: TensorSpec, picture: [number, number]): number[] {
  const channelsLast = dims.length === 4 && dims[3] === 3;
  const [height, width] = channelsLast ? [1, 2] : [2, 3];
  return dims.map((dim, axis) => {
    if (typeof dim === "number") return dim;
    if (dims.length !== 4) return 1;
    if (axis === height) return picture[0];
    return axis === width ? picture[1] : 1;
  });
}

function pictureSize(contract: ContractBlock | undefined): [number, number] {
  const preprocess = contract?.preprocess as { resize?: unknown } | null | undefined;
  const resize = preprocess?.resize as { height?: unknown; width?: unknown } | null | undefined;
  const { height, width } = resize ?? {};
  return typeof height === "number" && typeof width === "number"
    ? [height, width]
    : [USUAL_SIDE, USUAL_SIDE];
}

/** Runs that warm up: engines compile their hot code while it runs. */
export async function warmUp(session: Session, inputs: Tensor[]): Promise<void> {
  const started = performance.now();
  for (let run = 0; run < WARM_UPS; run++) {
    await timedRun(session, inputs);
    if (performance.now() - started > PATIENCE_MS) return;
  }
}

/** The best time of each session; they take turns, so that what slows the machine slows all. */
export async function bestTimes(sessions: Session[], inputs: Tensor[]): Promise<number[]> {
  const best = sessions.map(() => Number.POSITIVE_INFINITY);
  const started = performance.now();
  for (let round = 0; round < RUNS; round++) {
    for (const [index, session] of sessions.entries())
      best[index] = Math.min(best[index] ?? 0, await timedRun(session, inputs));
    if (performance.now() - started > PATIENCE_MS) break;
  }
  return best;
}

async function timedRun(session: Session, inputs: Tensor[]): Promise<number> {
  const started = performance.now();
  await session.ask({ call: "run", inputs }, []);
  return performance.now() - started;
}
