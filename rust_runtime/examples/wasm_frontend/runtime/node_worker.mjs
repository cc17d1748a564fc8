/**
 * The process of one engine, for programs that are not JavaScript: it loads a model and answers
 * runs until its parent is gone. Speaks the frames of frames.mjs on its standard streams, as
 * `oxidizedvision/runners/apart_worker.py` does.
 *
 *     node node_worker.mjs --module FOLDER
 *
 * The engine has a thread of its own, so that the end of the input ends a run too.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { encode, messages } from "./frames.mjs";
import { loadInNode, OxidizedVisionError } from "./node.mjs";

/**
 * @typedef {import("./frames.mjs").Message} Message
 * @typedef {{ body?: Record<string, unknown>, arrays?: Message["arrays"] }} Answer
 * @typedef {import("./node.d.mts").NodeModel} NodeModel
 */

/** Answer the messages on standard input; only answers go to standard output. */
async function main() {
  const { values } = parseArgs({ options: { module: { type: "string" } } });
  if (values.module === undefined) return ended(2, "usage: node_worker.mjs --module FOLDER");
  process.on("SIGINT", () => undefined);
  const engine = new Worker(new URL(import.meta.url), {
    workerData: values.module,
    stdout: true,
    stderr: true,
  });
  engine.stdout.pipe(process.stderr);
  engine.stderr.pipe(process.stderr);
  engine.on("error", (error) => ended(1, `${error.name}: ${error.message}`));
  engine.on("message", (/** @type {Answer} */ answer) => {
    for (const piece of encode(answer)) process.stdout.write(piece);
  });
  process.stdout.on("error", () => process.exit(0));
  try {
    for await (const message of messages(process.stdin))
      engine.postMessage(message, buffers(message));
    process.exit(0);
  } catch (error) {
    ended(1, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}

/**
 * @param {number} code
 * @param {string} why
 */
function ended(code, why) {
  process.stderr.write(`${why}\n`, () => process.exit(code));
}

/** @param {Answer} message */
function buffers({ arrays = [] }) {
  return [...new Set(arrays.map(({ data }) => /** @type {ArrayBuffer} */ (data.buffer)))];
}

/** Answer what the main thread sends: the first message loads a model, the others run it. */
function serve() {
  const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);
  /** @type {NodeModel | undefined} */
  let model;
  let turn = Promise.resolve();
  port.on("message", (/** @type {Message} */ message) => {
    turn = turn.then(async () => {
      const answer = await answered(async () => {
        if (model !== undefined) return ran(model, message);
        model = await loaded(message);
        return { body: { info: infoOf(model) } };
      });
      port.postMessage(answer, buffers(answer));
    });
  });
}

/**
 * @param {() => Promise<Answer>} work
 * @returns {Promise<Answer>}
 */
async function answered(work) {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof RangeError) return { body: { memory: thrown.message } };
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const { kind = "internal", hint = "" } = /** @type {Partial<OxidizedVisionError>} */ (error);
    return { body: { error: { kind, message: error.message, hint } } };
  }
}

/**
 * @param {NodeModel} model
 * @param {Message} message
 * @returns {Promise<Answer>}
 */
async function ran(model, { body, arrays }) {
  if (body.profile !== undefined) return { body: { nodes: null } };
  return { arrays: await model.run(arrays) };
}

/**
 * @param {Message} message as `_load_request` of `runners/apart.py` makes it
 * @returns {Promise<NodeModel>}
 */
async function loaded({ body, arrays }) {
  refuseOthers(body);
  const path = typeof body.model === "string" ? body.model : undefined;
  const bytes =
    path === undefined ? arrays.find(({ name }) => name === "model")?.data : await read(path);
  if (!(bytes instanceof Uint8Array))
    throw new OxidizedVisionError("internal", "The first message holds neither path nor bytes");
  return loadInNode(bytes, {
    module: workerData,
    name: path === undefined ? String(body.name ?? "model") : basename(path),
    inputShapes: /** @type {Record<string, number[]>} */ (body.input_shapes ?? {}),
    optimize: body.optimize !== false,
  });
}

/** @param {string} path */
async function read(path) {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    const kind = code === "ENOENT" ? "not_found" : "unreadable";
    throw new OxidizedVisionError(kind, `${path} could not be read: ${message}`, "Check the path.");
  }
}

/**
 * What these engines cannot do is refused, not left out.
 *
 * @param {Record<string, unknown>} body
 */
function refuseOthers({ device = "cpu", threads = null, precision = "fp32", options = {} }) {
  const only = "The engines in WebAssembly run on the processor, in one thread, in fp32.";
  if (device !== "cpu")
    throw new OxidizedVisionError("device_unavailable", `There is no device ${device} here`, only);
  if (threads !== null && threads !== 1)
    throw new OxidizedVisionError("invalid_option", `threads is ${threads}`, only);
  if (precision !== "fp32")
    throw new OxidizedVisionError("invalid_option", `precision is ${precision}`, only);
  const unknown = Object.keys(/** @type {object} */ (options));
  if (unknown.length > 0)
    throw new OxidizedVisionError("invalid_option", `No option is called ${unknown[0]}`, only);
}

/**
 * The dataclass `ModelInfo` of `core/tensors.py`.
 *
 * @param {NodeModel} model
 */
function infoOf({ info }) {
  const { model, backend, backendVersion, inputs, outputs, threads } = info;
  return {
    model,
    backend: `wasm-${backend}`,
    backend_version: backendVersion,
    inputs,
    outputs,
    threads,
    device: "cpu",
  };
}

if (isMainThread) await main();
else serve();
