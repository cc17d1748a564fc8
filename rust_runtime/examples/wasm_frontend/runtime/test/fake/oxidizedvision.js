// @ts-nocheck: it stands for what wasm-bindgen writes, which is not checked either.
/**
 * A module that does what its "model", a JSON text, says:
 * {"refuse": error} at load, {"fail": error} in a run, {"trap": "load" or "run"}, {"slowMs": 5}.
 * A run gives every input back. An input called `trap` traps; one called `hang` never ends.
 */
const TRAPS = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 116, 0, 0, 10, 5, 1, 3, 0,
  0, 11,
]);

let threads = 1;
let dead = false;

export function initSync({ module, memory }) {
  if (!(module instanceof WebAssembly.Module)) throw new TypeError("no module was given");
  return { memory: memory ?? new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true }) };
}

export function version() {
  return { name: "fake", version: "1.0.0", threads: true };
}

/** A real one waits inside; the page must be heard before it does. */
export function startThread() {
  if (globalThis.threadsFail) throw new WebAssembly.RuntimeError("unreachable");
}

export function buildThreadPool(count) {
  threads = count;
}

export class ModelFile {
  constructor(length) {
    this.length = length;
    this.parts = [];
  }

  push(bytes) {
    this.parts.push(bytes.slice());
  }
}

export function sha256(bytes) {
  return bytes.byteLength.toString(16).padStart(64, "0");
}

export class Model {
  static load(bytes, options) {
    return Model.fromFile({ parts: [bytes] }, options);
  }

  static fromFile(file, options) {
    let says;
    try {
      const decoder = new TextDecoder();
      const texts = file.parts.map((part) => decoder.decode(part, { stream: true }));
      says = JSON.parse(texts.join("") + decoder.decode());
    } catch {
      throw ours({ kind: "corrupt", message: `${options.name} is no model`, hint: "Export it." });
    }
    if (says.refuse) throw ours(says.refuse);
    if (says.trap === "load") trap();
    return new Model(says, options);
  }

  constructor(says, options) {
    this.says = says;
    this.contract = says.contract;
    this.info = {
      model: options.name ?? "model",
      backend: "fake",
      backendVersion: "1.0.0",
      inputs: says.inputs ?? [{ name: "input", dtype: "f32", dims: ["batch", 3] }],
      outputs: says.outputs ?? [{ name: "output", dtype: "f32", dims: ["batch", 3] }],
      threads,
    };
  }

  run(inputs) {
    if (dead) throw new TypeError("a dead instance was used");
    if (this.says.fail) {
      dead = this.says.fail.kind === "panicked";
      throw ours(this.says.fail);
    }
    const names = inputs.map(({ name }) => name);
    if (this.says.trap === "run" || names.includes("trap")) trap();
    while (names.includes("hang"));
    const end = performance.now() + (this.says.slowMs ?? 0);
    while (performance.now() < end);
    return inputs.map((tensor) => ({ ...tensor, data: tensor.data.slice() }));
  }

  predict(picture) {
    const timing = { decodeMs: 1, preprocessMs: 1, runMs: 1, postprocessMs: 1 };
    const rgba = new Uint8ClampedArray(picture);
    const prediction = { kind: "image", width: picture.length, height: 1, rgba };
    return { prediction, timing, width: picture.length, height: 1 };
  }

  predictPixels(rgba, width, height) {
    return { ...this.predict(rgba), width, height };
  }

  checkGoldens(goldens) {
    return { passed: true, cases: goldens.length, maxError: 0 };
  }

  free() {}
}

function trap() {
  dead = true;
  new WebAssembly.Instance(new WebAssembly.Module(TRAPS)).exports.t();
}

function ours({ kind, message, hint = "" }) {
  return Object.assign(new Error(message), { name: "OxidizedVisionError", kind, hint });
}
