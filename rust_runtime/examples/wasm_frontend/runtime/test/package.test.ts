// The package as npm packs it, in another project that Vite builds, in Chromium.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Consumer, hosted } from "./browser.js";
import { launched } from "./chromium.js";
import { builtModule, repositoryFile } from "./models.js";
import { fakeFolder } from "./support.js";

/** Chromium takes two seconds to end a worker that computes. */
const PATIENCE = { timeout: 10_000 };

const PROGRAM_MODELS = "rust_runtime/examples/denoiser_cli/tests/models/";

const consumer = new Consumer();
const servers: Server[] = [];
const complaints: string[] = [];
let browser: Browser;
let page: Page;
let plain: string;
let isolated: string;

beforeAll(async () => {
  builtModule("rten");
  consumer.build();
  mkdirSync(join(consumer.dist, "data"));
  for (const name of ["denoiser.onnx", "denoiser.golden.safetensors", "classifier.onnx"])
    writeFileSync(join(consumer.dist, "data", name), repositoryFile(PROGRAM_MODELS + name));
  for (const name of ["rten", "rten-threads", "tract"]) {
    mkdirSync(join(consumer.dist, "fake"), { recursive: true });
    cpSync(fakeFolder(), join(consumer.dist, "fake", name), { recursive: true });
  }
  for (const isolation of [false, true]) {
    const { address, server } = await hosted(consumer.dist, isolation);
    servers.push(server);
    if (isolation) isolated = address;
    else plain = address;
  }
  browser = await launched();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  for (const server of servers) server.close();
  consumer.remove();
});

async function open(address: string): Promise<void> {
  page = await browser.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(address);
  await page.waitForFunction("window.load !== undefined");
}

afterEach(async () => {
  await page.close();
  expect(complaints.splice(0)).toEqual([]);
});

/** Runs in the page, with what a project has at hand and a little more. */
function inPage<T>(code: string): Promise<T> {
  const helpers = `
    const fake = (says = {}) => new TextEncoder().encode(JSON.stringify(says));
    const floats = (name) => ({ name, dtype: "f32", shape: [1, 2], data: new Float32Array([1, 2]) });
    const open = (says, options) => load(fake(says), { modules: "/fake/", ...options });
    const failure = (work) => work.then(() => { throw new Error("nothing failed") },
      (error) => ({ ours: error instanceof OxidizedVisionError, ...JSON.parse(JSON.stringify(error)) }));
  `;
  return page.evaluate(`(async () => { ${helpers} ${code} })()`);
}

test("the module in the package answers as PyTorch did", async () => {
  await open(plain);
  const told = await inPage(`
    const model = await load("/data/denoiser.onnx");
    const goldens = await (await fetch("/data/denoiser.golden.safetensors")).arrayBuffer();
    return { info: model.info, check: await model.checkGoldens(new Uint8Array(goldens)) };
  `);
  expect(told).toMatchObject({
    info: { model: "denoiser.onnx", backend: "rten", threads: 1 },
    check: { passed: true, cases: 2 },
  });
});

test("a picture from a canvas is classified, as a Blob and as ImageData", async () => {
  await open(plain);
  const labels = await inPage(`
    const model = await load("/data/classifier.onnx", {
      preprocess: { color: "rgb" },
      postprocess: { kind: "classification", labels: ["red", "green", "blue"] },
    });
    const canvas = new OffscreenCanvas(40, 30);
    const context = canvas.getContext("2d");
    context.fillStyle = "#2030f0";
    context.fillRect(0, 0, 40, 30);
    const pixels = await model.predict(context.getImageData(0, 0, 40, 30));
    const jpeg = await canvas.convertToBlob({ type: "image/jpeg" });
    return [pixels.prediction.classes[0].label, (await classify(model, jpeg)).split(" ")[0]];
  `);
  expect(labels).toEqual(["blue", "blue"]);
});

test("an engine's refusal arrives with its kind and what to do", async () => {
  await open(plain);
  const error = await inPage('return failure(load(new Uint8Array([8, 7, 1]), { name: "broken" }))');
  expect(error).toMatchObject({ ours: true, kind: "corrupt" });
  expect(JSON.stringify(error)).toContain("broken");
});

test("a model loads in a worker of its own, and runs", async () => {
  await open(plain);
  const told = await inPage<Record<string, unknown>>(`
    const phases = new Set();
    const model = await open({}, { onProgress: ({ phase }) => phases.add(phase) });
    const [output] = await model.run([floats("input")]);
    return { data: [...output.data], phases: [...phases], memory: await model.memoryBytes(),
      threads: model.info.threads, support: supported().ok };
  `);
  expect(told).toMatchObject({ data: [1, 2], memory: 131072, threads: 1, support: true });
  expect(told.phases).toEqual(expect.arrayContaining(["module", "model", "load"]));
  expect(page.workers()).toHaveLength(1);
});

test("a run that never ends is ended by an abort, and the model goes on", async () => {
  await open(plain);
  const told = await inPage(`
    const model = await open();
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    const error = await failure(model.run([floats("hang")], { signal: stop.signal }));
    return { error, after: (await model.run([floats("input")])).length };
  `);
  expect(told).toMatchObject({ error: { ours: true, kind: "interrupted" }, after: 1 });
  await expect.poll(() => page.workers().length, PATIENCE).toBe(1);
});

test("a trap is an error, and the next run has another instance", async () => {
  await open(plain);
  const told = await inPage(`
    const model = await open();
    return { error: await failure(model.run([floats("trap")])),
      after: (await model.run([floats("input")])).length };
  `);
  expect(told).toMatchObject({ error: { kind: "panicked" }, after: 1 });
});

test("close ends the worker while it computes", async () => {
  await open(plain);
  const error = await inPage(`
    const model = await open();
    setTimeout(() => model.close(), 200);
    return failure(model.run([floats("hang")]));
  `);
  expect(error).toMatchObject({ kind: "interrupted" });
  await expect.poll(() => page.workers().length, PATIENCE).toBe(0);
});

test("threads are there where the page is isolated, and nowhere else", async () => {
  await open(plain);
  const refused = await inPage("return failure(open({}, { threads: 2 }))");
  expect(refused).toMatchObject({ kind: "unsupported" });
  await page.close();
  await open(isolated);
  const threads = await inPage("return (await open({}, { threads: 2 })).info.threads");
  expect(threads).toBe(2);
  expect(page.workers()).toHaveLength(2);
});

test("`auto` tries both engines and keeps one worker", async () => {
  await open(plain);
  const why = await inPage<string>('return (await open({}, { engine: "auto" })).choice.why');
  expect(why).toMatch(/rten [\d.]+ ms/);
  expect(why).toMatch(/tract [\d.]+ ms/);
  await expect.poll(() => page.workers().length, PATIENCE).toBe(1);
});

test("a module that is not there is told by its address", async () => {
  await open(plain);
  const error = await inPage('return failure(open({}, { modules: "/nowhere/" }))');
  expect(error).toMatchObject({ kind: "backend_unavailable" });
  expect(JSON.stringify(error)).toContain("/nowhere/rten/oxidizedvision");
});
