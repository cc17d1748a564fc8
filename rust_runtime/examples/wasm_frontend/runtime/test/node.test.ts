// Node's own entry: the same module without a worker.
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadInNode } from "../node.mjs";
import { failure, fakeFolder, fakeModel, floats } from "./support.js";

let module: string;

beforeAll(() => {
  module = fakeFolder();
});

afterAll(() => rmSync(module, { recursive: true }));

test("models share an instance until a trap, and go on after it", async () => {
  const [first, second] = await Promise.all([
    loadInNode(fakeModel(), { module, name: "first" }),
    loadInNode(fakeModel(), { module, name: "second" }),
  ]);
  const error = await failure(first.run([floats("trap", 1)]));
  expect(error).toMatchObject({ kind: "panicked" });
  expect(error.message).toContain("first");
  expect(await first.run([floats("input", 1)])).toHaveLength(1);
  // The other model was in the instance that died.
  expect(await second.run([floats("input", 1)])).toHaveLength(1);
});

test("pictures and goldens are answered, memory is told, and close ends it", async () => {
  const model = await loadInNode(fakeModel(), { module });
  expect((await model.predict(new Uint8Array(3))).width).toBe(3);
  expect((await model.predictPixels(new Uint8ClampedArray(16), 2, 2)).height).toBe(2);
  expect((await model.checkGoldens(new Uint8Array(2))).cases).toBe(2);
  expect(model.memoryBytes()).toBe(2 * 65536);
  model.close();
  expect((await failure(model.run([]))).kind).toBe("backend_unavailable");
});

test("errors of the engine keep their kind", async () => {
  const refuse = { kind: "unsupported", message: "no Erf", hint: "Use tract." };
  const load = loadInNode(fakeModel({ refuse }), { module });
  expect(await failure(load)).toEqual(refuse);
});

test("a panic that the engine reports itself ends the instance too", async () => {
  const panicked = { kind: "panicked", message: "index out of bounds", hint: "" };
  const model = await loadInNode(fakeModel({ fail: panicked }), { module });
  expect(await failure(model.run([]))).toMatchObject({
    kind: "panicked",
    message: "The engine stopped while running the model: index out of bounds",
    hint: expect.stringContaining("new engine"),
  });
  // A dead instance would answer with an error of its own.
  expect((await failure(model.run([]))).kind).toBe("panicked");
});
