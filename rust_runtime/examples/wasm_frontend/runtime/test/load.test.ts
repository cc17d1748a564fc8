// `load` over HTTP with the fake module: downloads, progress, threads, errors, cancelling.
import type { Server } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { loadOn } from "../src/load.js";
import { startSession } from "../src/session.js";
import type { Support } from "../src/supported.js";
import type { LoadOptions, Model, ModelSource, Progress } from "../src/types.js";
import {
  CAPABLE,
  EMPTY_MODULE,
  FakeWorker,
  failure,
  fakeModel,
  floats,
  type Served,
  served,
} from "./support.js";

const wasm = { body: EMPTY_MODULE, type: "application/wasm" };
const page = { body: "<!doctype html>", type: "text/html" };
const tiny = fakeModel();
const large = fakeModel({ contract: { padding: "x".repeat(300_000) } });

const zipped = gzipSync(large);

const FILES: Record<string, Served> = {
  "good/rten/oxidizedvision_bg.wasm": wasm,
  "good/tract/oxidizedvision_bg.wasm": wasm,
  "good/rten-threads/oxidizedvision_bg.wasm": wasm,
  "plain/rten/oxidizedvision_bg.wasm": { ...wasm, type: "application/octet-stream" },
  "spa/rten/oxidizedvision_bg.wasm": page,
  "one/rten/oxidizedvision_bg.wasm": wasm,
  "tiny.onnx": { body: tiny },
  "large.onnx": { body: large, headers: { "content-length": String(large.length) } },
  "zipped.onnx": {
    body: zipped,
    headers: { "content-encoding": "gzip", "content-length": String(zipped.length) },
  },
  "endless.onnx": { body: tiny, headers: { "content-length": "1000" } },
  "corrupt.onnx": { body: "no JSON" },
  "private.onnx": { body: "no", status: 403 },
};

let base: string;
let server: Server;
const isolated: Support = { ...CAPABLE, threads: true, autoThreads: 4, crossOriginIsolated: true };

beforeAll(async () => {
  ({ base, server } = await served(FILES));
});

afterAll(() => {
  server.close();
});

beforeEach(() => {
  FakeWorker.started = [];
  vi.stubGlobal("Worker", FakeWorker);
});

afterEach(() => {
  for (const worker of FakeWorker.started) worker.terminate();
  vi.unstubAllGlobals();
});

function loading(
  source: ModelSource,
  options: LoadOptions = {},
  support: Support = CAPABLE,
): Promise<Model> {
  return loadOn({ start: startSession, support }, source, { modules: `${base}good/`, ...options });
}

const open = (script = "worker.js"): number =>
  FakeWorker.started.filter((worker) => worker.script === script && !worker.terminated).length;

test("a model is loaded from its address, and runs", async () => {
  const model = await loading(`${base}tiny.onnx?v=1`);
  expect(model.info).toMatchObject({ model: "tiny.onnx", threads: 1 });
  expect(model.choice).toEqual({
    engine: "rten",
    threads: 1,
    why: "it was asked for",
    candidates: [],
  });
  for (const ms of Object.values(model.loadTiming)) expect(ms).toBeGreaterThanOrEqual(0);
  expect(await model.run([floats("input", 1)])).toHaveLength(1);
  model.close();
  expect(open()).toBe(0);
});

test.each([
  ["bytes", () => tiny, "model"],
  ["a buffer", () => tiny.buffer, "model"],
  ["a file", () => new File([tiny], "chosen.onnx"), "chosen.onnx"],
  ["a URL", () => new URL(`${base}tiny.onnx`), "tiny.onnx"],
])("a model is loaded from %s", async (_, source, name) => {
  expect((await loading(source())).info.model).toBe(name);
  expect(tiny.length).toBeGreaterThan(0);
});

test("the name that is given is the one in messages", async () => {
  expect((await loading(tiny, { name: "mine" })).info.model).toBe("mine");
});

async function progressOf(name: string): Promise<Progress[]> {
  const told: Progress[] = [];
  const onProgress = (progress: Progress): number => told.push(progress);
  await loading(`${base}${name}`, { onProgress });
  return told;
}

test("progress rises to the whole, by phase", async () => {
  const told = await progressOf("large.onnx");
  const model = told.filter(({ phase }) => phase === "model");
  expect(model[0]).toEqual({ phase: "model", loaded: 0, total: large.length });
  expect(model.at(-1)).toEqual({ phase: "model", loaded: large.length, total: large.length });
  const loaded = model.map((progress) => progress.loaded);
  expect(loaded).toEqual([...loaded].sort((left, right) => left - right));
  expect(told.at(-1)?.phase).toBe("load");
});

test("a compressed download has no total, since its header counts other bytes", async () => {
  const last = (await progressOf("zipped.onnx")).findLast(({ phase }) => phase === "model");
  expect(last).toEqual({ phase: "model", loaded: large.length, total: null });
});

test("a module of the wrong MIME type is compiled all the same", async () => {
  const model = await loading(tiny, { modules: `${base}plain` });
  expect(model.engine).toBe("rten");
});

test.each([
  ["nowhere/", "answered 404"],
  ["spa/", "(text/html) is nothing that this browser can run"],
])("a module that is not there is told, with what to do: %s", async (folder, message) => {
  const error = await failure(loading(tiny, { modules: base + folder }));
  expect(error.kind).toBe("backend_unavailable");
  expect(error.message).toContain(message);
  expect(error.hint).toContain("modules/rten");
  expect(open()).toBe(0);
});

test.each([
  ["gone.onnx", "not_found", "answered 404"],
  ["private.onnx", "unreadable", "answered 403"],
  ["corrupt.onnx", "corrupt", "is no model"],
])("a model that cannot be had leaves no worker: %s", async (name, kind, message) => {
  const error = await failure(loading(base + name));
  expect(error.kind).toBe(kind);
  expect(error.message).toContain(name);
  expect(error.message).toContain(message);
  expect(open()).toBe(0);
});

test("where one download fails, the other is given up", async () => {
  const aborted = new Promise((resolve) =>
    server.once("request", (request) => {
      request.socket.once("close", resolve);
    }),
  );
  const load = loading(`${base}endless.onnx`, { modules: "http://127.0.0.1:9/" });
  expect((await failure(load)).message).toContain("The module rten");
  await aborted;
});

test("a server that does not answer is an error about the address", async () => {
  const error = await failure(loading("http://127.0.0.1:9/net.onnx"));
  expect(error.kind).toBe("unreadable");
  expect(error.hint).toContain("CORS");
});

test("a load can be given up, and leaves no worker", async () => {
  const stop = new AbortController();
  const onProgress = ({ phase }: Progress): void => {
    if (phase === "load") stop.abort("changed my mind");
  };
  const load = loading(`${base}tiny.onnx`, { signal: stop.signal, onProgress });
  await expect(load).rejects.toMatchObject({ kind: "interrupted", cause: "changed my mind" });
  expect(open()).toBe(0);
  const before = loading(tiny, { signal: AbortSignal.abort() });
  expect((await failure(before)).kind).toBe("interrupted");
  expect(FakeWorker.started).toHaveLength(1);
});

test("threads are taken where the page is isolated, and the worker is one of them", async () => {
  expect((await loading(tiny, {}, isolated)).info.threads).toBe(4);
  expect(open("thread.js")).toBe(3);
  const model = await loading(tiny, { threads: 2 }, isolated);
  expect(model.info.threads).toBe(2);
  model.close();
  expect(open("thread.js")).toBe(3);
  expect((await loading(tiny, { engine: "tract" }, isolated)).info.threads).toBe(1);
});

test("a thread that a trap ends, ends the model's worker with it", async () => {
  vi.stubGlobal("threadsFail", true);
  const error = await failure(
    loading(tiny, { threads: 2 }, isolated).then((model) => model.run([])),
  );
  expect(error.kind).toBe("panicked");
  expect(error.message).toContain("A thread of the engine stopped");
  expect([open(), open("thread.js")]).toEqual([0, 0]);
});

test("without the module that has threads, `auto` takes one and a demand is refused", async () => {
  const modules = `${base}one/`;
  const model = await loading(tiny, { modules }, isolated);
  expect([model.info.threads, model.choice.threads]).toEqual([1, 1]);
  const error = await failure(loading(tiny, { modules, threads: 2 }, isolated));
  expect(error.kind).toBe("backend_unavailable");
});

test.each([
  [{ threads: 2 }, "unsupported", "not cross-origin isolated"],
  [{ threads: 2, engine: "tract" }, "invalid_option", "tract has no threads"],
  [{ threads: 0 }, "invalid_option", "threads is 0"],
  [{ engine: "onnx" }, "invalid_option", "No engine is called onnx"],
])("what cannot be is refused: %j", async (options, kind, message) => {
  const error = await failure(loading(tiny, options as LoadOptions));
  expect(error.kind).toBe(kind);
  expect(error.message).toContain(message);
});

test("a browser without SIMD is told at once", async () => {
  const { supported } = await import("../src/supported.js");
  vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
  const support = supported();
  vi.restoreAllMocks();
  expect(support).toMatchObject({ ok: false, simd: false });
  const error = await failure(loading(tiny, {}, support));
  expect(error).toMatchObject({ kind: "unsupported" });
  expect(error.message).toContain("SIMD");
  expect(FakeWorker.started).toHaveLength(0);
});

test("this machine's engine has SIMD, by the probe", async () => {
  const { supported } = await import("../src/supported.js");
  expect(supported()).toMatchObject({ ok: true, simd: true, threads: false, autoThreads: 1 });
});

test("`auto` loads both engines and keeps one worker", async () => {
  const model = await loading(`${base}tiny.onnx`, { engine: "auto" });
  expect(model.choice.candidates.map(({ engine }) => engine)).toEqual(["rten", "tract"]);
  expect(open()).toBe(1);
  model.close();
});

test("`auto` does with the engines that are there", async () => {
  const model = await loading(tiny, { engine: "auto", modules: `${base}one/` });
  expect(model.engine).toBe("rten");
  expect(model.choice.candidates[1]?.problem?.kind).toBe("backend_unavailable");
});

test("a model from an address is not fetched again after a trap", async () => {
  const model = await loading(`${base}tiny.onnx`);
  const fetching = vi.spyOn(globalThis, "fetch");
  const error = await failure(model.run([floats("trap", 1)]));
  expect(error.kind).toBe("panicked");
  expect(await model.run([floats("input", 1)])).toHaveLength(1);
  expect(fetching).not.toHaveBeenCalled();
  vi.restoreAllMocks();
  expect(open()).toBe(1);
});
