// The ways of use: by keyboard, by camera and clipboard, on a phone, in the dark, without a network,
// with a model of the page's own, and with the engine of the user's choice.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { handOver, launch, open, said, settled, shot } from "../browser.ts";
import { hasModule, host, type Running } from "../site.ts";
import { fixture, makeFixtures, path } from "./fixtures.ts";

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

const focused = (page: Page) =>
  page.evaluate(() => {
    const { activeElement: at } = document;
    return at?.id || at?.textContent?.trim() || at?.tagName;
  });

it("everything can be done by keyboard", async () => {
  const { page, wrong } = await open(browser, site.url);
  await settled(page);
  const order: string[] = [];
  for (let stop = 0; stop < 7; stop += 1) {
    await page.keyboard.press("Tab");
    order.push(String(await focused(page)));
  }
  expect(order.slice(0, 3)).toEqual(["Skip to the model", "theme", "choose-model"]);
  expect(order).toContain("choose-picture");
  expect(order).toContain("camera");
  await page.locator("#choose-model").focus();
  await shot(page, "keyboard-focus");
  const [models] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.keyboard.press("Enter"),
  ]);
  await models.setFiles(path("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  // Focus goes on where the next step is.
  await page.waitForFunction(() => document.activeElement?.id === "picture");
  await page.keyboard.press("Tab");
  expect(await focused(page)).toBe("choose-picture");
  const [pictures] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.keyboard.press("Enter"),
  ]);
  await pictures.setFiles(path("noisy.png"));
  await page.locator(".compare").waitFor();
  await page.waitForFunction(() => document.activeElement?.id === "result");
  await page.keyboard.press("Tab");
  const cut = () =>
    page
      .locator(".compare")
      .evaluate((stage: HTMLElement) => stage.style.getPropertyValue("--cut"));
  expect(await cut()).toBe("50%");
  for (let press = 0; press < 10; press += 1) await page.keyboard.press("ArrowRight");
  expect(await cut()).toBe("55%");
  await shot(page, "keyboard-slider");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("every control has a name", async () => {
  const { page } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("mobilenet_foreign.onnx"));
  await page.getByText("This file says nothing").waitFor();
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLInputElement>("input, select, textarea, button")]
      .filter((control) => {
        const labelled = control.labels && control.labels.length > 0;
        return !labelled && !control.ariaLabel && !control.textContent?.trim();
      })
      .map((control) => control.outerHTML),
  );
  expect(nameless).toEqual([]);
  await page.context().close();
});

it("the camera gives pictures, one or one after another", async () => {
  const { page, wrong } = await open(browser, site.url, { permissions: ["camera"] });
  await page.setInputFiles("#choose-model", path("mobilenet.onnx"));
  await page.getByText("center-crop").waitFor();
  await page.getByRole("button", { name: "Camera" }).click();
  await page.locator("video").waitFor();
  await page.getByLabel("Live").check();
  await page.waitForFunction(() => document.querySelectorAll(".chart .whole").length > 3);
  await shot(page, "camera-live");
  await page.getByLabel("Live").uncheck();
  await page.getByRole("button", { name: "Take picture" }).click();
  await page.getByText("camera picture").first().waitFor();
  expect(await page.locator("video").count()).toBe(0);
  await page.locator(".bars .best").waitFor();
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("a picture in the clipboard is taken by key and by button", async () => {
  const { page, wrong } = await open(browser, site.url, {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  await handOver(page, "paste", fixture("noisy.png"));
  await page.locator(".compare .after").waitFor();
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext("2d")?.fillRect(0, 0, 20, 20);
    const png = await canvas.convertToBlob({ type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
  });
  await page.getByRole("button", { name: "Paste" }).click();
  await page.getByText("40 × 30").first().waitFor();
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("a phone shows everything in its width", async () => {
  const phone = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };
  const { page, wrong } = await open(browser, site.url, phone);
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  await settled(page);
  expect(await fits()).toBe(true);
  await shot(page, "phone-empty");
  await page.setInputFiles("#choose-model", path("mobilenet_foreign.onnx"));
  await page.getByText("This file says nothing").waitFor();
  expect(await fits()).toBe(true);
  await page.setInputFiles("#choose-picture", path("cat.png"));
  await page.locator(".bars .best").waitFor();
  expect(await fits()).toBe(true);
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.locator(".compare .after").waitFor();
  expect(await fits()).toBe(true);
  await shot(page, "phone-result");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("dark is the system's choice, and the user's", async () => {
  const { page, wrong } = await open(browser, site.url, { colorScheme: "dark" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  await page.setInputFiles("#choose-picture", path("noisy.png"));
  await page.locator(".compare .after").waitFor();
  await shot(page, "dark");
  await page.locator("#theme").click();
  const light = await ground();
  expect(light).not.toBe(dark);
  await page.reload();
  expect(await ground()).toBe(light);
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("works without a network once it was loaded, in a folder of a static host", async () => {
  const static_ = await host({ folder: "/some/folder/" });
  const { page, wrong } = await open(browser, static_.url);
  await settled(page);
  await static_.stop();
  await page.context().setOffline(true);
  await page.reload();
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  await page.setInputFiles("#choose-picture", path("noisy.png"));
  await page.locator(".compare .after").waitFor();
  await shot(page, "offline");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("loads itself once more where that brings threads", async () => {
  const files = ["build.json", "oxidizedvision.js", "oxidizedvision_bg.wasm"];
  const threaded = await host({
    own: Object.fromEntries(files.map((file) => [`modules/rten-threads/${file}`, "{}"])),
  });
  const { page, wrong } = await open(browser, threaded.url);
  await settled(page);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(await page.locator("#facts").textContent()).toMatch(/^\d threads|^1 thread/);
  const loads = threaded.asked.filter((path) => path === "").length;
  await page.reload();
  await settled(page);
  expect(threaded.asked.filter((path) => path === "").length).toBe(loads + 1);
  expect(wrong).toEqual([]);
  await page.context().close();
  await threaded.stop();
});

it.runIf(hasModule("rten-threads"))("has threads though its host sends no headers", async () => {
  const { page, wrong } = await open(browser, site.url);
  await settled(page);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  await page.locator("#engine-rten").check();
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText(/rten.*\d threads/).waitFor();
  await page.setInputFiles("#choose-picture", path("noisy.png"));
  await page.locator(".compare .after").waitFor();
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("with a model of its own it is for that model alone", async () => {
  const manifest = {
    schema_version: 1,
    title: "Clean <b>photographs</b>",
    name: "denoiser",
    model: "denoiser.onnx",
    engine: "rten",
    modules: ["rten"],
    goldens: "denoiser.golden.safetensors",
    samples: [{ file: "noisy.png", title: "A cat, with noise" }],
  };
  const own = await host({
    own: {
      "model/manifest.json": JSON.stringify(manifest),
      "model/denoiser.onnx": fixture("denoiser.onnx").buffer,
      "model/noisy.png": fixture("noisy.png").buffer,
      "model/denoiser.golden.safetensors": fixture("denoiser.golden.safetensors").buffer,
    },
  });
  const { page, wrong } = await open(browser, own.url);
  await settled(page);
  await page.getByText("its own size").waitFor();
  expect(await page.title()).toBe("Clean <b>photographs</b>");
  expect(own.asked.filter((path) => path.startsWith("modules/tract"))).toEqual([]);
  expect(await page.locator("#choose-model").count()).toBe(0);
  await page.getByRole("button", { name: "A cat, with noise" }).click();
  await page.locator(".compare .after").waitFor();
  await shot(page, "own-model");
  await page.getByRole("button", { name: "Compare with PyTorch's answers" }).click();
  await page.locator(".verdict.good").waitFor();
  await own.stop();
  await page.context().setOffline(true);
  await page.reload();
  await page.getByRole("button", { name: "A cat, with noise" }).click();
  await page.locator(".compare .after").waitFor();
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("a sample beside the page can be tried", async () => {
  const manifest = { title: "Denoiser", model: "denoiser.onnx", only: false };
  const sample = await host({
    own: {
      "model/manifest.json": JSON.stringify(manifest),
      "model/denoiser.onnx": fixture("denoiser.onnx").buffer,
    },
  });
  const { page, wrong } = await open(browser, sample.url);
  await settled(page);
  await shot(page, "empty");
  await page.getByRole("button", { name: "Try the sample: Denoiser" }).click();
  await page.getByText("its own size").waitFor();
  expect(await said(page)).toMatch(/^denoiser is loaded by/);
  expect(wrong).toEqual([]);
  await page.context().close();
  await sample.stop();
});

it.runIf(hasModule("tract"))("the engine is the user's choice, or measured", async () => {
  const { page, wrong } = await open(browser, site.url);
  await handOver(page, "drop", fixture("mobilenet.onnx"), fixture("cat.png"));
  await page.locator(".bars .best").waitFor({ timeout: 90_000 });
  expect(await page.locator("#choice").textContent()).toMatch(/rten.*ms|tract.*ms/);
  await shot(page, "auto");
  for (const engine of ["tract", "rten"]) {
    await page.locator(`#engine-${engine}`).check();
    await page
      .locator("#timing", { hasText: new RegExp(`${engine} \\d`) })
      .waitFor({ timeout: 60_000 });
    await page.locator("#result .working").waitFor({ state: "detached" });
  }
  expect(wrong).toEqual([]);
  await page.context().close();
});
