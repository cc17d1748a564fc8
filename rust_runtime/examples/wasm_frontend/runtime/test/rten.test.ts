// The module of rten in Node: PyTorch's answers, pictures by their contract, and hostile files.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { loadInNode } from "../node.mjs";
import type { RawFile, RawModule } from "../src/raw.js";
import type { ModuleOptions } from "../src/types.js";
import { builtModule, recordedCases, relativeError, repositoryFile } from "./models.js";
import { failure, floats } from "./support.js";

const MODELS = "testdata/models/";
const PROGRAM_MODELS = "rust_runtime/examples/denoiser_cli/tests/models/";
const HOSTILE = fileURLToPath(new URL("../../../../../testdata/hostile/", import.meta.url));
/** Nothing here may be blamed on anything but the file. */
const BAD_FILE = ["corrupt", "unsupported"];
/** Where memory has 32 bits, rten takes a longer length for one that is not known. */
const LENGTHS_OF_64_BITS = ["huge_input.onnx", "huge_output.onnx"];

let module: string;

beforeAll(() => {
  module = builtModule("rten");
});

function loaded(path: string, options: ModuleOptions = {}) {
  return loadInNode(repositoryFile(path), { module, name: path.replace(/.*\//, ""), ...options });
}

test("memory grows by what lacks at its end, not by what is asked for", async () => {
  const glue = (await import(pathToFileURL(`${module}/oxidizedvision.js`).href)) as RawModule;
  const compiled = new WebAssembly.Module(readFileSync(`${module}/oxidizedvision_bg.wasm`));
  const { memory } = glue.initSync({ module: compiled });
  const megabyte = 2 ** 20;
  const held = (length: number) => new glue.ModelFile(length) as RawFile & { free(): void };
  held(32 * megabyte).free();
  const before = memory.buffer.byteLength;
  const file = held(36 * megabyte);
  // What lacks is 4 MB, and a sixteenth of what is asked for is more than two.
  expect(memory.buffer.byteLength - before).toBeGreaterThan(megabyte);
  expect(memory.buffer.byteLength - before).toBeLessThan(7 * megabyte);
  file.free();
  const half = held(2 ** 31 - megabyte);
  const most = memory.buffer.byteLength;
  // There are 4 GB of addresses: what cannot be had takes nothing.
  expect(() => held(2 ** 31 - megabyte)).toThrow();
  expect(memory.buffer.byteLength).toBe(most);
  half.free();
});

describe("PyTorch's recorded answers", () => {
  test.each(["residual", "dynamic", "pair", "bare"])("%s", async (name) => {
    const model = await loaded(`${MODELS}${name}.onnx`);
    const cases = recordedCases(`${MODELS}${name}.safetensors`);
    expect(cases.size).toBeGreaterThan(0);
    for (const { inputs, outputs } of cases.values()) {
      const got = await model.run(inputs);
      for (const wanted of outputs) {
        const output = got.find(({ name: called }) => called === wanted.name);
        expect(output).toMatchObject({ dtype: wanted.dtype, shape: wanted.shape });
        expect(relativeError(output?.data, wanted.data)).toBeLessThan(1e-5);
      }
    }
    model.close();
  });

  test.each(["bool", "f16", "f32", "f64", "i32", "i64", "i8", "u8"])(
    "%s comes out as itself, or is refused by its name",
    async (dtype) => {
      const opening = loaded(`${MODELS}dtype_${dtype}.onnx`);
      if (dtype === "f64") {
        expect(await failure(opening)).toMatchObject({ kind: "unsupported" });
        return;
      }
      const model = await opening;
      for (const { inputs, outputs } of recordedCases(
        `${MODELS}dtype_${dtype}.safetensors`,
      ).values())
        expect(await model.run(inputs)).toEqual(outputs);
      model.close();
    },
  );

  test("goldens that convert wrote are replayed by the module itself", async () => {
    const model = await loaded(`${PROGRAM_MODELS}denoiser.onnx`);
    const goldens = repositoryFile(`${PROGRAM_MODELS}denoiser.golden.safetensors`);
    const check = await model.checkGoldens(goldens);
    expect(check).toMatchObject({ passed: true, cases: 2 });
    expect(check.maxError).toBeLessThan(1e-5);
    expect(check.rows.map(({ output }) => output)).toEqual(["output", "output"]);
    model.close();
  });
});

test("what was loaded is told", async () => {
  const model = await loaded(`${MODELS}pair.onnx`);
  const { info, contract } = model;
  expect(info).toMatchObject({ model: "pair.onnx", backend: "rten", threads: 1 });
  expect(info.inputs.map(({ name, dtype }) => [name, dtype])).toEqual([
    ["left", "f32"],
    ["right", "f32"],
  ]);
  const file = repositoryFile(`${MODELS}pair.onnx`);
  expect(await model.sha256()).toBe(createHash("sha256").update(file).digest("hex"));
  expect(contract).toBeUndefined();
});

describe("what does not fit the model", () => {
  const picture = { ...floats("x"), shape: [1, 3, 8, 8], data: new Float32Array(192) };

  test.each([
    [[], "missing_input"],
    [[picture, { ...picture, name: "z" }], "unknown_input"],
    [[{ ...picture, shape: [1, 3, 8, 7], data: new Float32Array(168) }], "shape_mismatch"],
    [[{ ...picture, dtype: "i32" as const, data: new Int32Array(192) }], "dtype_mismatch"],
  ])("case %#", async (inputs, kind) => {
    const model = await loaded(`${MODELS}residual.onnx`);
    const error = await failure(model.run(inputs));
    expect(error.kind).toBe(kind);
    expect(error.message).toContain("residual.onnx");
    expect(await model.run([picture])).toHaveLength(1);
    model.close();
  });
});

/** A picture of one colour; `ImageData` holds RGBA. */
function plain(width: number, height: number, color: [number, number, number]): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++) rgba.set(color, pixel * 4);
  return rgba;
}

describe("pictures go through by their contract", () => {
  test("one that is given: an image comes out", async () => {
    const model = await loaded(`${PROGRAM_MODELS}denoiser.onnx`, {
      preprocess: { color: "rgb" },
      postprocess: { kind: "image" },
    });
    const result = await model.predictPixels(plain(40, 32, [200, 100, 50]), 40, 32);
    expect(result).toMatchObject({ width: 40, height: 32 });
    expect(result.prediction).toMatchObject({ kind: "image", width: 40, height: 32 });
    if (result.prediction.kind === "image")
      expect(result.prediction.rgba).toHaveLength(40 * 32 * 4);
    for (const ms of Object.values(result.timing)) expect(ms).toBeGreaterThanOrEqual(0);
    model.close();
  });

  test("the classes of a classifier, best first", async () => {
    const model = await loaded(`${PROGRAM_MODELS}classifier.onnx`, {
      preprocess: { color: "rgb" },
      postprocess: { kind: "classification", labels: ["red", "green", "blue"] },
    });
    const { prediction } = await model.predictPixels(plain(20, 10, [0, 255, 0]), 20, 10);
    expect(prediction.kind).toBe("classification");
    if (prediction.kind === "classification")
      expect(prediction.classes[0]).toMatchObject({ classId: 1, label: "green" });
    model.close();
  });

  test("without a contract a picture is refused, with what to do", async () => {
    const model = await loaded(`${MODELS}residual.onnx`);
    const error = await failure(model.predictPixels(plain(8, 8, [0, 0, 0]), 8, 8));
    expect(error.hint).not.toBe("");
    model.close();
  });

  test("what is no picture is told as such", async () => {
    const model = await loaded(`${PROGRAM_MODELS}denoiser.onnx`, {
      preprocess: { color: "rgb" },
      postprocess: { kind: "image" },
    });
    expect((await failure(model.predict(new Uint8Array(100)))).kind).toBe("input");
    model.close();
  });
});

describe("hostile files end in an error about the file", () => {
  const files = readdirSync(HOSTILE).filter(
    (name) => name.endsWith(".onnx") && !LENGTHS_OF_64_BITS.includes(name),
  );

  test.each(files)("%s", async (name) => {
    const error = await failure(loaded(`testdata/hostile/${name}`));
    expect(BAD_FILE).toContain(error.kind);
    expect(error.message).toContain(name);
    const model = await loaded(`${MODELS}residual.onnx`);
    expect(model.info.model).toBe("residual.onnx");
    model.close();
  });

  test.each(LENGTHS_OF_64_BITS)(
    "%s, whose lengths nothing here can hold, harms nothing",
    async (name) => {
      const model = await loaded(`testdata/hostile/${name}`);
      const [{ name: input = "", dims = [] } = {}] = model.info.inputs;
      const shape = dims.map((dim) => (typeof dim === "number" ? dim : 2));
      expect(await model.run([{ ...floats(input, 1, 2), shape }])).toHaveLength(1);
      expect(model.memoryBytes()).toBeLessThan(1 << 28);
      model.close();
    },
  );
});
