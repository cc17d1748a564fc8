// The worker's side: it loads a module and a model, answers, and tells a trap from an error.
import { pathToFileURL } from "node:url";
import { MessageChannel } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Channel } from "../src/channel.js";
import { buffersIn, type Loaded } from "../src/protocol.js";
import { serve } from "../src/serving.js";
import { EMPTY_MODULE, FakeWorker, failure, fakeGlue, fakeModel, floats } from "./support.js";

let channel: Channel;

beforeEach(() => {
  channel = new Channel(new FakeWorker());
});

afterEach(() => channel.end("over"));

async function load(
  says: Record<string, unknown> | Uint8Array<ArrayBuffer> = {},
  threads = 1,
): Promise<Loaded> {
  await channel.ask({ call: "open", glue: pathToFileURL(fakeGlue()).href });
  await channel.ask({ call: "start", module: new WebAssembly.Module(EMPTY_MODULE) });
  const bytes = says instanceof Uint8Array ? says : fakeModel(says);
  await channel.ask({ call: "part", bytes, total: bytes.byteLength }, [bytes.buffer]);
  return channel.ask({ call: "load", options: { name: "tiny.onnx" }, threads });
}

test("a model loads, and its bytes come back", async () => {
  const bytes = fakeModel({ contract: { preprocess: { color: "rgb" } } });
  const { byteLength } = bytes;
  const loaded = await load(bytes);
  expect(loaded.info).toMatchObject({ model: "tiny.onnx", threads: 1 });
  expect(loaded.contract).toEqual({ preprocess: { color: "rgb" } });
  expect(loaded.parts.map((part) => part.byteLength)).toEqual([byteLength]);
  expect(bytes.byteLength).toBe(0);
});

test("parts that come before the module, and after it, are one file", async () => {
  const bytes = fakeModel({ contract: { preprocess: { color: "rgb" } } });
  const total = bytes.byteLength;
  const cuts = [0, 5, 6, 20, total].map((at) => Math.min(at, total));
  const part = (index: number) => {
    const piece = bytes.slice(cuts[index], cuts[index + 1]);
    return channel.ask({ call: "part", bytes: piece, total }, [piece.buffer]);
  };
  await Promise.all([part(0), part(1)]);
  await channel.ask({ call: "open", glue: "fake" });
  await channel.ask({ call: "start", module: new WebAssembly.Module(EMPTY_MODULE) });
  await Promise.all([part(2), part(3)]);
  const loaded = await channel.ask({ call: "load", options: { name: "tiny.onnx" }, threads: 1 });
  expect(loaded.contract).toEqual({ preprocess: { color: "rgb" } });
  expect(await new Blob(loaded.parts).bytes()).toEqual(bytes);
});

test("a module hashes where the browser does not", async () => {
  await load();
  const bytes = new Uint8Array(17);
  expect(await channel.ask({ call: "sha256", bytes })).toBe("11".padStart(64, "0"));
});

test("memory is shared out only where threads can share it", async () => {
  await channel.ask({ call: "open", glue: "fake" });
  const { memory } = await channel.ask({
    call: "start",
    module: new WebAssembly.Module(EMPTY_MODULE),
  });
  expect(memory?.buffer).toBeInstanceOf(SharedArrayBuffer);
});

test("a script that is not there is told by its address", async () => {
  const { port1, port2 } = new MessageChannel();
  serve(port2 as never, () => Promise.reject(new TypeError("not found")));
  port2.start();
  const answer = new Promise((resolve) => port1.on("message", resolve));
  port1.postMessage({ id: 0, request: { call: "open", glue: "https://here/rten.js" } });
  expect(await answer).toMatchObject({ error: { kind: "backend_unavailable" }, dead: false });
  expect(JSON.stringify(await answer)).toContain("https://here/rten.js could not be loaded");
  port1.close();
});

test("tensors of every element type go in and come out", async () => {
  await load();
  const inputs = [
    floats("f", 1, 2),
    { name: "i", dtype: "i64", shape: [1], data: new BigInt64Array([-5n]) },
    { name: "h", dtype: "f16", shape: [1], data: new Uint16Array([0x3c00]) },
    { name: "b", dtype: "bool", shape: [2], data: new Uint8Array([1, 0]) },
  ] as const;
  expect(await channel.ask({ call: "run", inputs: [...inputs] as never })).toEqual(inputs);
});

test("pictures, pixels, goldens and memory are answered", async () => {
  await load();
  const picture = new Uint8Array([1, 2, 3]);
  const result = await channel.ask({ call: "predict", picture });
  expect(result.prediction).toMatchObject({ kind: "image", width: 3 });
  const pixels = { data: new Uint8ClampedArray(16), width: 2, height: 2 };
  expect(await channel.ask({ call: "predictPixels", pixels })).toMatchObject({ width: 2 });
  expect(await channel.ask({ call: "checkGoldens", goldens: picture })).toMatchObject({ cases: 3 });
  expect(await channel.ask({ call: "memoryBytes" })).toBe(2 * 65536);
});

test("an engine's error leaves the worker alive", async () => {
  await load({ fail: { kind: "shape_mismatch", message: "expected [1, 3]" } });
  const error = await failure(channel.ask({ call: "run", inputs: [] }));
  expect(error).toEqual({ kind: "shape_mismatch", message: "expected [1, 3]", hint: "" });
  expect(await channel.ask({ call: "memoryBytes" })).toBeGreaterThan(0);
});

test("bytes that are no model are told by the engine", async () => {
  expect((await failure(load(new Uint8Array([1, 2])))).kind).toBe("corrupt");
});

test.each(["load", "run"])("a trap at %s says so and ends the worker", async (when) => {
  const loaded = load({ trap: when });
  const failed =
    when === "load" ? loaded : loaded.then(() => channel.ask({ call: "run", inputs: [] }));
  const error = await failure(failed);
  expect(error.kind).toBe("panicked");
  expect(error.message).toMatch(/while (loading|running) tiny.onnx: unreachable/);
  expect(channel.open).toBe(false);
});

test("a panic that the module reports itself ends the worker too", async () => {
  await load({ fail: { kind: "panicked", message: "capacity overflow" } });
  const error = await failure(channel.ask({ call: "run", inputs: [] }));
  expect(error.message).toBe("The engine stopped while running tiny.onnx: capacity overflow");
  expect(channel.open).toBe(false);
});

test("threads start before the model loads", async () => {
  expect((await load({}, 3)).info.threads).toBe(3);
});

test("a run before a model is refused", async () => {
  expect((await failure(channel.ask({ call: "run", inputs: [] }))).kind).toBe("internal");
});

test("buffers change hands once, and shared ones never", () => {
  const data = new Float32Array(2);
  const shared = new Uint8Array(new SharedArrayBuffer(1));
  expect([...buffersIn([{ data }, { again: data, shared }])]).toEqual([data.buffer]);
});
