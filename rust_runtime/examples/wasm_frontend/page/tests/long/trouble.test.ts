// What goes wrong is said in words, what takes long can be stopped, and neither blocks the page.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { handOver, launch, open, shot } from "../browser.ts";
import { host, type Running } from "../site.ts";
import { fixture, hostile, makeFixtures, path } from "./fixtures.ts";

let browser: Browser;
let site: Running;

beforeAll(async () => {
  makeFixtures();
  browser = await launch();
  site = await host();
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

it.each([
  ["truncated.onnx", "corrupt", "truncated"],
  ["random.onnx", "corrupt", "random"],
  ["empty.onnx", "corrupt", "empty"],
  ["unknown_operator.onnx", "unsupported", "Nonsense|operator"],
])("%s is refused as %s", async (name, kind, words) => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", hostile(name));
  const told = page.locator("#model .problem");
  await told.waitFor();
  expect(await told.getAttribute("data-kind")).toBe(kind);
  expect(await told.textContent()).toMatch(new RegExp(words));
  await shot(page, `refused-${name}`);
  // The page goes on.
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  expect(await told.count()).toBe(0);
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("a picture that is too large or none is refused, with the limit", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  await page.setInputFiles("#choose-picture", path("too_wide.png"));
  const told = page.locator("#picture .problem");
  await told.waitFor();
  expect(await told.textContent()).toMatch(/17000 × 8.*16384 pixels to a side/s);
  await shot(page, "picture-too-large");
  const text = { name: "letter.png", mimeType: "image/png", buffer: Buffer.from("Dear") };
  await handOver(page, "drop", text);
  await page.getByText("letter.png is not a picture").waitFor();
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("settings that cannot be are told on their field, those that do not fit by the engine", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("mobilenet_foreign.onnx"));
  await page.getByText("This file says nothing").waitFor();
  await page.selectOption("[name=values]", "own");
  await page.fill("[name=std]", "0.2, 0");
  await page.getByRole("button", { name: "Use these settings" }).click();
  const std = page.locator("[name=std]");
  expect(await std.evaluate((field: HTMLInputElement) => field.validationMessage)).not.toBe("");
  await std.fill("0.2");
  await page.selectOption("[name=resize]", "none");
  await page.selectOption("[name=kind]", "image");
  await handOver(page, "paste", fixture("cat.png"));
  const told = page.locator(".problem");
  await told.waitFor();
  await shot(page, "settings-do-not-fit");
  await page.getByRole("button", { name: "Change the settings" }).click();
  expect(await page.locator("#model details").getAttribute("open")).not.toBeNull();
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("a browser without SIMD is told at once", async () => {
  const { page } = await open(browser, site.url, {
    before: (made) =>
      made.addInitScript(() => {
        WebAssembly.validate = () => false;
      }),
  });
  const told = page.locator("#notices .problem");
  await told.waitFor();
  expect(await told.textContent()).toMatch(/SIMD/);
  await shot(page, "no-simd");
  await page.context().close();
});

it("a page without a module says how one is made", async () => {
  const bare = await host({
    own: Object.fromEntries(
      ["rten", "rten-threads", "tract"].map((name) => [`modules/${name}/build.json`, null]),
    ),
  });
  const { page } = await open(browser, bare.url);
  await page.getByText("No engine stands beside this page").waitFor();
  await shot(page, "no-engine");
  await page.context().close();
  await bare.stop();
});

it("a load that takes long shows how far it is and can be cancelled", async () => {
  const slow = await host({ slow: (name) => (name.endsWith(".wasm") ? 150 : 0) });
  // The service worker would have fetched the module already.
  const { page, wrong } = await open(browser, slow.url, { serviceWorkers: "block" });
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.waitForFunction(() => (document.querySelector("progress")?.value ?? 0) > 0.05);
  await shot(page, "loading");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator(".working").waitFor({ state: "detached" });
  expect(await page.locator(".problem").count()).toBe(0);
  expect(await page.locator("#choose-model").count()).toBe(1);
  expect(page.workers()).toHaveLength(0);
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size").waitFor({ timeout: 60_000 });
  expect(wrong).toEqual([]);
  await page.context().close();
  await slow.stop();
});

it("40 megapixels go through a network of fixed size", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("mobilenet.onnx"));
  await page.getByText("center-crop to 224 × 224").waitFor();
  await page.setInputFiles("#choose-picture", path("large.jpg"));
  await page.locator(".bars .best").waitFor({ timeout: 60_000 });
  await shot(page, "large-classes");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("40 megapixels through the denoiser run in a worker, and can be stopped", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  await page.setInputFiles("#choose-picture", path("large.jpg"));
  await page.locator("#result .working").waitFor();
  expect(page.workers().length).toBeGreaterThan(0);
  const frames = await page.evaluate(async () => {
    const until = performance.now() + 3000;
    let count = 0;
    while (performance.now() < until) {
      await new Promise(requestAnimationFrame);
      count += 1;
    }
    return count;
  });
  // The page stays alive while the engine computes.
  expect(frames).toBeGreaterThan(30);
  await shot(page, "large-running");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Run again" }).waitFor();
  await shot(page, "stopped");
  await page.setInputFiles("#choose-picture", path("noisy.png"));
  await page.locator(".compare .after").waitFor({ timeout: 60_000 });
  expect(wrong).toEqual([]);
  await page.context().close();
});
