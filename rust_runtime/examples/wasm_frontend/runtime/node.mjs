/**
 * The same modules in Node, without a worker: every call computes before it returns.
 *
 * Needs nothing but this file and a module's folder.
 *
 * @typedef {import("./node.d.mts").NodeOptions} NodeOptions
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Above this, memory is what an engine most likely stopped for. */
const MUCH_MEMORY = 1 << 30;
const PACKAGED = fileURLToPath(new URL("./modules/", import.meta.url));

/** The one error of this package, with the kinds of `oxidizedvision.core.errors`. */
export class OxidizedVisionError extends Error {
  /** @override */
  name = "OxidizedVisionError";

  /**
   * @param {string} kind
   * @param {string} message
   * @param {string} [hint]
   * @param {ErrorOptions} [options]
   */
  constructor(kind, message, hint = "", options) {
    super(message, options);
    this.kind = kind;
    this.hint = hint;
  }
}

/** @type {typeof import("./node.d.mts").loadInNode} */
export async function loadInNode(bytes, options = {}) {
  const { engine = "rten", module = join(PACKAGED, engine), ...rest } = options;
  const model = new NodeModel(resolve(module), new Uint8Array(bytes), rest);
  await model.open();
  return model;
}

/**
 * A module that was compiled, and its JavaScript with the memory of one instance.
 *
 * @typedef {{ glue: any, memory: WebAssembly.Memory, dead: boolean }} Instance
 */

/** Instances that models share, by folder, until a trap ends them. @type {Map<string, Promise<Instance>>} */
const instances = new Map();
/** @type {Map<string, Promise<WebAssembly.Module>>} */
const compiled = new Map();
let opened = 0;

/**
 * @param {string} folder
 * @returns {Promise<Instance>}
 */
function instanceOf(folder) {
  const known = instances.get(folder);
  if (known !== undefined) return known;
  const instance = instantiate(folder);
  instances.set(folder, instance);
  instance.catch(() => instances.delete(folder));
  return instance;
}

/**
 * @param {string} folder
 * @returns {Promise<Instance>}
 */
async function instantiate(folder) {
  try {
    const module = await compiledIn(folder);
    const glue = pathToFileURL(join(folder, "oxidizedvision.js"));
    // The JavaScript holds one instance, and Node imports each address once.
    if (opened > 0) glue.search = `instance=${opened}`;
    opened += 1;
    const imported = await import(glue.href);
    return { glue: imported, memory: imported.initSync({ module }).memory, dead: false };
  } catch (error) {
    throw new OxidizedVisionError(
      "backend_unavailable",
      `The module in ${folder} cannot be used: ${said(error)}`,
      "`make wasm` builds the modules.",
      { cause: error },
    );
  }
}

/**
 * @param {string} folder
 * @returns {Promise<WebAssembly.Module>}
 */
function compiledIn(folder) {
  const known = compiled.get(folder);
  if (known !== undefined) return known;
  const module = readFile(join(folder, "oxidizedvision_bg.wasm")).then((bytes) =>
    WebAssembly.compile(bytes),
  );
  compiled.set(folder, module);
  module.catch(() => compiled.delete(folder));
  return module;
}

/** A model; one that a trap has ended is loaded anew by the next call. */
class NodeModel {
  /** @type {Instance | undefined} */
  #instance;
  /** @type {any} */
  #model;
  #closed = false;

  /**
   * @param {string} folder
   * @param {Uint8Array} bytes
   * @param {object} options
   */
  constructor(folder, bytes, options) {
    this.folder = folder;
    this.bytes = bytes;
    this.options = options;
  }

  /** Load the model, where it is not loaded. */
  async open() {
    if (this.#closed)
      throw new OxidizedVisionError(
        "backend_unavailable",
        "The model was closed",
        "Load it again.",
      );
    if (this.#model !== undefined && !this.#instance?.dead) return;
    this.#instance = await instanceOf(this.folder);
    const { glue } = this.#instance;
    this.#model = this.#guarded("loading", () => glue.Model.load(this.bytes, this.options));
    this.info = this.#model.info;
    this.contract = this.#model.contract;
  }

  /** @param {unknown} inputs */
  async run(inputs) {
    return this.#call((model) => model.run(inputs));
  }

  /** @param {Uint8Array} picture */
  async predict(picture) {
    return this.#call((model) => model.predict(picture));
  }

  /**
   * @param {Uint8ClampedArray} rgba
   * @param {number} width
   * @param {number} height
   */
  async predictPixels(rgba, width, height) {
    return this.#call((model) => model.predictPixels(rgba, width, height));
  }

  /** @param {Uint8Array} goldens */
  async checkGoldens(goldens) {
    return this.#call((model) => model.checkGoldens(goldens));
  }

  async sha256() {
    return createHash("sha256").update(this.bytes).digest("hex");
  }

  memoryBytes() {
    return this.#instance?.memory.buffer.byteLength ?? 0;
  }

  close() {
    this.#closed = true;
    if (!this.#instance?.dead) this.#model?.free();
    this.#model = undefined;
  }

  /** @param {(model: any) => any} work */
  async #call(work) {
    await this.open();
    return this.#guarded("running", () => work(this.#model));
  }

  /**
   * @param {string} doing
   * @param {() => any} work
   */
  #guarded(doing, work) {
    try {
      return work();
    } catch (error) {
      const ours = error instanceof Error && error.name === "OxidizedVisionError";
      const { kind } = /** @type {Partial<OxidizedVisionError>} */ (error);
      if (ours && kind !== "panicked") throw error;
      // Nobody knows what state an instance is in after anything that is no error of its own.
      const bytes = this.memoryBytes();
      if (this.#instance !== undefined) this.#instance.dead = true;
      instances.delete(this.folder);
      throw stopped(doing, this.options, error, bytes);
    }
  }
}

/**
 * @param {string} doing
 * @param {{ name?: string }} options
 * @param {unknown} error
 * @param {number} bytes of memory that were in use
 */
function stopped(doing, { name = "the model" }, error, bytes) {
  const trap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  const ours = error instanceof Error && error.name === "OxidizedVisionError";
  return new OxidizedVisionError(
    trap || ours ? "panicked" : "internal",
    `The engine stopped while ${doing} ${name}: ${said(error)}`,
    bytes > MUCH_MEMORY
      ? `It held ${Math.round(bytes / (1 << 20))} MiB, and memory may have run out: use smaller inputs.`
      : "The next call gets a new engine. Try another one, and please report it with the model.",
    { cause: error },
  );
}

/** @param {unknown} error */
function said(error) {
  return error instanceof Error ? error.message : String(error);
}
