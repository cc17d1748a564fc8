// Times runs of a model in a module, as `oxidizedvision benchmark` asks for them: lines of JSON on
// standard input and output, as python_client/oxidizedvision/benchmark/session.py speaks them.
// Started as `node node_session.mjs --module FOLDER`.

import { readFileSync, readSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { loadInNode } from "./node.mjs";

/**
 * @typedef {import("./node.d.mts").TensorSpec} TensorSpec
 * @typedef {import("./node.d.mts").Tensor} Tensor
 * @typedef {Record<string, number[]>} Shapes
 * @typedef {import("./node.d.mts").OxidizedVisionError} OxidizedVisionError
 * @typedef {() => Promise<unknown>} Work
 * @typedef {{ model: string, shapes: Shapes, optimize: boolean }} Request
 * @typedef {{ runs?: number, seconds?: number, least?: number }} Window
 */

const STDIN = 0;
const STDOUT = 1;
const HALF_EXPONENT = 0x3800;
const HALF_FRACTION = 0x400;
const NEWLINE = "\n";

/**
 * Lines of standard input, each read when it is asked for; the process has nothing else to do.
 *
 * @returns {Generator<string, void>}
 */
function* lines() {
  const block = Buffer.alloc(1 << 16);
  const decoder = new TextDecoder();
  let rest = "";
  for (let count = readSync(STDIN, block); count > 0; count = readSync(STDIN, block)) {
    rest += decoder.decode(block.subarray(0, count), { stream: true });
    const whole = rest.split(NEWLINE);
    rest = whole.pop() ?? "";
    yield* whole;
  }
}

/** @param {object} message */
function say(message) {
  const text = Buffer.from(JSON.stringify(message) + NEWLINE);
  for (let sent = 0; sent < text.length; ) {
    sent += writeSync(STDOUT, text, sent);
  }
}

/** The most memory that this process ever held; null where the system does not say. */
function peakRssMib() {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
    return line ? Number(line[1]) / 1024 : null;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}

/**
 * The same numbers between 0 and 1 at every call (mulberry32).
 *
 * @param {number} seed
 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {() => number} random */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** @param {() => number} random */
function bit(random) {
  return Math.round(random());
}

/**
 * Elements of a type in its array. Whole numbers are 0 or 1, which suit indices of any table.
 *
 * @param {TensorSpec["dtype"]} dtype
 * @param {number} length
 * @param {() => number} random
 */
function elements(dtype, length, random) {
  const drawn = (/** @type {(random: () => number) => number} */ draw) =>
    Array.from({ length }, () => draw(random));
  const half = () => HALF_EXPONENT + Math.floor(random() * HALF_FRACTION);
  switch (dtype) {
    case "f32":
      return Float32Array.from(drawn(normal));
    case "f64":
      return Float64Array.from(drawn(normal));
    case "f16":
      return Uint16Array.from(drawn(half));
    case "i64":
      return BigInt64Array.from(drawn(bit).map(BigInt));
    case "i32":
      return Int32Array.from(drawn(bit));
    case "i8":
      return Int8Array.from(drawn(bit));
    default:
      return Uint8Array.from(drawn(bit));
  }
}

/**
 * @param {TensorSpec[]} specs
 * @param {Shapes} shapes
 * @returns {Tensor[]}
 */
function makeInputs(specs, shapes) {
  const random = generator(0);
  return specs.map(({ name, dtype }) => {
    const shape = shapes[name] ?? [];
    const length = shape.reduce((product, axis) => product * axis, 1);
    return { name, dtype, shape, data: elements(dtype, length, random) };
  });
}

/** @param {Work} work */
async function milliseconds(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Milliseconds of each run of a window: so many, or as many as start within a time.
 *
 * @param {Work} run
 * @param {Window} asked
 */
async function window(run, { runs, seconds = 0, least = 1 }) {
  const end = performance.now() + seconds * 1000;
  const found = [];
  while (found.length < (runs ?? least) || (runs === undefined && performance.now() < end)) {
    found.push(await milliseconds(run));
  }
  return found;
}

/**
 * Load what the first line asks for, run it once, and answer the other lines.
 *
 * @param {string} module
 * @param {Generator<string, void>} requests
 */
async function serve(module, requests) {
  /** @type {Request} */
  const { model: path, shapes, optimize } = JSON.parse(requests.next().value ?? "");
  const bytes = readFileSync(path);
  const start = performance.now();
  const model = await loadInNode(bytes, { module, name: basename(path), optimize });
  const loadMs = performance.now() - start;
  const inputs = makeInputs(model.info.inputs, shapes);
  const run = () => model.run(inputs);
  const firstMs = await milliseconds(run);
  say({
    load_ms: loadMs,
    first_ms: firstMs,
    engine_version: model.info.backendVersion,
    device: "cpu",
    threads: model.info.threads,
    peak_rss_mib: peakRssMib(),
  });
  for (const line of requests) {
    say({ latency_ms: await window(run, JSON.parse(line)), peak_rss_mib: peakRssMib() });
  }
}

const { values } = parseArgs({ options: { module: { type: "string" } } });
try {
  await serve(values.module ?? "", lines());
} catch (error) {
  // A module's own error has the name and not the class.
  if (!(error instanceof Error && error.name === "OxidizedVisionError")) throw error;
  const { kind, message, hint } = /** @type {OxidizedVisionError} */ (error);
  say({ error: { kind, message, hint } });
}
