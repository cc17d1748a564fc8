// The worker's side: it loads a module and a model, answers, and tells a trap from an error.
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Channel } from "../src/channel.js";
import type { LoadRequest } from "../src/protocol.js";
import { EMPTY_MODULE, FakeWorker, failure, fakeGlue, fakeModel, floats } from "./support.js";

let channel: Channel;

beforeEach(() => {
  channel = new Channel(new FakeWorker());
});

afterEach(() => channel.end("over"));

function loading(says: Record<string, unknown> = {}, threads = 1): LoadRequest {
  return {
    call: "load",
    glue: pathToFileURL(fakeGlue()).href,
    module: new WebAssembly.Module(EMPTY_MODULE),
    model: fakeModel(says).buffer,
    options: { name: "tiny.onnx" },
    threads,
  };
}

test("a model loads, and its bytes come back", async () => {
  const request = loading({ contract: { preprocess: { color: "rgb" } } });
  const { byteLength } = request.model;
  const loaded = await channel.ask(request, [request.model]);
  expect(loaded.info).toMatchObject({ model: "tiny.onnx", threads: 1 });
  expect(loaded.contract).toEqual({ preprocess: { color: "rgb" } });
  expect(loaded.model.byteLength).toBe(byteLength);
  expect(request.model.byteLength).toBe(0);
});

test("tensors of every element type go in and come out", async () => {
  await channel.ask(loading());
  const inputs = [
    floats("f", 1, 2),
    { name: "i", dtype: "i64", shape: [1], data: new BigInt64Array([-5n]) },
    { name: "h", dtype: "f16", shape: [1], data: new Uint16Array([0x3c00]) },
    { name: "b", dtype: "bool", shape: [2], data: new Uint8Array([1, 0]) },
  ] as const;
  expect(await channel.ask({ call: "run", inputs: [...inputs] as never })).toEqual(inputs);
});

test("pictures, pixels, goldens and memory are answered", async () => {
  await channel.ask(loading());
  const picture = new Uint8Array([1, 2, 3]);
  const result = await channel.ask({ call: "predict", picture });
  expect(result.prediction).toMatchObject({ kind: "image", width: 3 });
  const pixels = { data: new Uint8ClampedArray(16), width: 2, height: 2 };
  expect(await channel.ask({ call: "predictPixels", pixels })).toMatchObject({ width: 2 });
  expect(await channel.ask({ call: "checkGoldens", goldens: picture })).toMatchObject({ cases: 3 });
  expect(await channel.ask({ call: "memoryBytes" })).toBe(2 * 65536);
});

test("an engine's error leaves the worker alive", async () => {
  await channel.ask(loading({ fail: { kind: "shape_mismatch", message: "expected [1, 3]" } }));
  const error = await failure(channel.ask({ call: "run", inputs: [] }));
  expect(error).toEqual({ kind: "shape_mismatch", message: "expected [1, 3]", hint: "" });
  expect(await channel.ask({ call: "memoryBytes" })).toBeGreaterThan(0);
});

test("bytes that are no model are told by the engine", async () => {
  const request = { ...loading(), model: new Uint8Array([1, 2]).buffer };
  expect((await failure(channel.ask(request))).kind).toBe("corrupt");
});

test.each(["load", "run"])("a trap at %s says so and ends the worker", async (when) => {
  const loaded = channel.ask(loading({ trap: when }));
  const failed =
    when === "load" ? loaded : loaded.then(() => channel.ask({ call: "run", inputs: [] }));
  const error = await failure(failed);
  expect(error.kind).toBe("panicked");
  expect(error.message).toContain("unreachable");
  expect(channel.open).toBe(false);
});

test("threads start before the model loads", async () => {
  expect((await channel.ask(loading({}, 3))).info.threads).toBe(3);
});

test("a run before a model is refused", async () => {
  expect((await failure(channel.ask({ call: "run", inputs: [] }))).kind).toBe("internal");
});
