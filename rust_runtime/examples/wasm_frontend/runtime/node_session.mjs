// Times runs of a model in a module, as `oxidizedvision benchmark` asks for them: lines of JSON on
// standard input and output, as python_client/oxidizedvision/benchmark/session.py speaks them.
// Started as `node node_session.mjs --module FOLDER`.

import { readFileSync, readSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { loadInNode } from "./node.mjs";

const STDIN = 0;
const STDOUT = 1;
const HALF_EXPONENT = 0x3800;
const HALF_FRACTION = 0x400;
const NEWLINE = "\n";

/** Lines of standard input, each read when it is asked for; the process has nothing else to do. */
function* lines() {
  const block = Buffer.alloc(1 << 16);
  const decoder = new TextDecoder();
  let rest = "";
  for (let count = readSync(STDIN, block); count > 0; count = readSync(STDIN, block)) {
    rest += decoder.decode(block.subarray(0, count), { stream: true });
    const whole = rest.split(NEWLINE);
    rest = whole.pop();
    yield* whole;
  }
}

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

/** The same numbers between 0 and 1 at every call (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** By element type: the array, and what draws an element. Whole numbers suit indices of any table. */
const ELEMENTS = {
  f32: [Float32Array, normal],
  f64: [Float64Array, normal],
  f16: [Uint16Array, (random) => HALF_EXPONENT + Math.floor(random() * HALF_FRACTION)],
  i64: [BigInt64Array, (random) => BigInt(Math.round(random()))],
  i32: [Int32Array, (random) => Math.round(random())],
  i8: [Int8Array, (random) => Math.round(random())],
  u8: [Uint8Array, (random) => Math.round(random())],
  bool: [Uint8Array, (random) => Math.round(random())],
};

function makeInputs(specs, shapes) {
  const random = generator(0);
  return specs.map(({ name, dtype }) => {
    const shape = shapes[name];
    const [ArrayType, draw] = ELEMENTS[dtype];
    const count = shape.reduce((product, length) => product * length, 1);
    return { name, dtype, shape, data: ArrayType.from({ length: count }, () => draw(random)) };
  });
}

async function milliseconds(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Milliseconds of each run of a window. */
async function window(run, { runs, seconds = 0, least = runs }) {
  const end = performance.now() + seconds * 1000;
  const found = [];
  while (found.length < least || (runs === undefined && performance.now() < end)) {
    found.push(await milliseconds(run));
  }
  return found;
}

async function serve(module, requests) {
  const request = JSON.parse(requests.next().value);
  const { shapes, optimize } = request;
  const bytes = readFileSync(request.model);
  let model;
  const loadMs = await milliseconds(async () => {
    model = await loadInNode(bytes, { module, name: basename(request.model), optimize });
  });
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
  await serve(values.module, lines());
} catch (error) {
  if (error?.name !== "OxidizedVisionError") {
    throw error;
  }
  say({ error: { kind: error.kind, message: error.message, hint: error.hint } });
}
