// The engine's process: it answers as apart_worker.py does, outlives traps, and never hangs.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { encode, type Message, messages } from "../frames.mjs";
import type { Tensor } from "../src/types.js";
import { fakeFolder, fakeModel, floats } from "./support.js";

const PROGRAM = fileURLToPath(new URL("../node_worker.mjs", import.meta.url));
const REQUEST = {
  engine: "wasm-rten",
  model: null,
  input_shapes: {},
  device: "cpu",
  threads: null,
  precision: "fp32",
  optimize: true,
  options: {},
  name: "tiny",
};

let folder: string;
let process_: ChildProcessWithoutNullStreams;
let answers: AsyncGenerator<Message>;
let said: string;

beforeAll(() => {
  folder = fakeFolder();
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => start("--module", folder));

afterEach(() => process_.kill("SIGKILL"));

function start(...args: string[]): void {
  process_ = spawn(process.execPath, [PROGRAM, ...args]);
  answers = messages(process_.stdout);
  said = "";
  process_.stderr.on("data", (chunk) => {
    said += chunk;
  });
}

async function asked(message: Parameters<typeof encode>[0]): Promise<Message["body"] & Message> {
  for (const piece of encode(message)) process_.stdin.write(piece);
  const { value } = await answers.next();
  return { ...value?.body, ...value } as Message["body"] & Message;
}

function loaded(body: object = {}, says: Record<string, unknown> = {}) {
  const data = fakeModel(says);
  const model: Tensor = { name: "model", dtype: "u8", shape: [data.length], data };
  return asked({ body: { ...REQUEST, ...body }, arrays: [model] });
}

const exit = async (): Promise<number> => (await once(process_, "close"))[0];

test("a model that comes as bytes is loaded and run", async () => {
  expect((await loaded()).info).toEqual({
    model: "tiny",
    backend: "wasm-fake",
    backend_version: "1.0.0",
    inputs: [{ name: "input", dtype: "f32", dims: ["batch", 3] }],
    outputs: [{ name: "output", dtype: "f32", dims: ["batch", 3] }],
    threads: 1,
    device: "cpu",
  });
  const inputs = [floats("input", 1, 2, 3)];
  expect((await asked({ arrays: inputs })).arrays).toEqual(inputs);
  expect((await asked({ body: { profile: 3 }, arrays: inputs })).body).toEqual({ nodes: null });
});

test("a model that comes as a path is read", async () => {
  const model = join(folder, "named.onnx");
  writeFileSync(model, fakeModel());
  const { info } = await asked({ body: { ...REQUEST, model } });
  expect(info).toMatchObject({ model: "named.onnx" });
});

test.each([
  [{ model: "/nowhere/net.onnx" }, "not_found"],
  [{ device: "cuda" }, "device_unavailable"],
  [{ threads: 2 }, "invalid_option"],
  [{ precision: "fp16" }, "invalid_option"],
  [{ options: { streams: "2" } }, "invalid_option"],
])("what cannot be is refused, and asked for anew: %j", async (body, kind) => {
  expect((await loaded(body)).error).toMatchObject({ kind });
  expect((await loaded()).info).toBeDefined();
});

test("errors of the engine arrive whole", async () => {
  const refuse = { kind: "unsupported", message: "no operator Erf", hint: "Use tract." };
  expect((await loaded({}, { refuse })).error).toEqual(refuse);
});

test("a trap is an error, and the next run has another instance", async () => {
  await loaded();
  expect((await asked({ arrays: [floats("trap", 1)] })).error).toMatchObject({ kind: "panicked" });
  expect((await asked({ arrays: [floats("input", 1)] })).arrays).toHaveLength(1);
});

test("a folder without a module says what to do", async () => {
  process_.kill("SIGKILL");
  start("--module", "/nowhere");
  const { error } = await loaded();
  expect(error).toMatchObject({ kind: "backend_unavailable" });
  expect(JSON.stringify(error)).toContain("make wasm");
});

test("it ends when its parent is gone, without a word", async () => {
  await loaded();
  process_.stdin.end();
  expect([await exit(), said]).toEqual([0, ""]);
});

test("it ends when its parent is gone, though a run goes on for ever", async () => {
  await loaded();
  for (const piece of encode({ arrays: [floats("hang", 1)] })) process_.stdin.write(piece);
  await new Promise((resolve) => setTimeout(resolve, 300));
  process_.stdin.end();
  expect(await exit()).toBe(0);
});

test("Ctrl-C is the parent's to hear", async () => {
  await loaded();
  process_.kill("SIGINT");
  expect((await asked({ arrays: [floats("input", 1)] })).arrays).toHaveLength(1);
});

test.each([
  ["random bytes", Buffer.alloc(64, 0xab), "its head has"],
  ["half a message", Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 1]), "ends before its end"],
])("%s end it with the reason in its last line", async (_, bytes, why) => {
  process_.stdin.end(bytes);
  expect(await exit()).toBe(1);
  expect(said.trim().split("\n").at(-1)).toContain(why);
});

test("without a module it says how it is called", async () => {
  process_.kill("SIGKILL");
  start();
  expect(await exit()).toBe(2);
  expect(said).toContain("--module FOLDER");
});
