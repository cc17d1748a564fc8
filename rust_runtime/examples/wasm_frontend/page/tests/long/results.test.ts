// What the models of the project answer in the browser, beside PyTorch's and ONNX Runtime's answers.
import { readFileSync } from "node:fs";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { bmp, handOver, launch, open, pixelDifference, said, shot } from "../browser.ts";
import { model } from "../models.ts";
import { host, type Running } from "../site.ts";
import { type Answers, fixture, makeFixtures, path, type Scored, testModel } from "./fixtures.ts";

let browser: Browser;
let site: Running;
let answers: Answers;

beforeAll(async () => {
  answers = makeFixtures();
  browser = await launch();
  site = await host();
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

async function saved(page: Page, label: string): Promise<Buffer> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: label }).click(),
  ]);
  return readFileSync(await download.path());
}

it("the denoiser gives PyTorch's picture, and its times are shown", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("its own size, 0 to 1 → picture").waitFor();
  await page.setInputFiles("#choose-picture", path("noisy.png"));
  await page.locator(".compare .after").waitFor();
  const result = await saved(page, "Save picture");
  expect(await pixelDifference(page, fixture("denoised.png").buffer, result)).toBeLessThanOrEqual(
    1,
  );
  await shot(page, "denoiser");
  await page.setInputFiles("#choose-picture", bmp([200, 120, 40], 96, 64));
  await page.getByText("96 × 64").waitFor();
  await page.locator("#result .working").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Time 20 runs" }).click();
  await page.locator("#timing .working").waitFor();
  await page.locator("#timing .working").waitFor({ state: "detached", timeout: 100_000 });
  const [load, first, median, p95] = await page.locator(".stats dd").allTextContents();
  for (const time of [load, first, median, p95]) expect(time).toMatch(/^[\d.]+ m?s$/);
  expect(await page.locator(".chart .whole").count()).toBe(21);
  await shot(page, "timing");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("recorded answers that are dropped are compared", async () => {
  const { page, wrong } = await open(browser, site.url);
  await handOver(page, "drop", fixture("denoiser.onnx"));
  await page.getByText("its own size").waitFor();
  await handOver(page, "drop", fixture("denoiser.golden.safetensors"));
  await page.locator(".verdict.good").waitFor();
  await shot(page, "goldens");
  await handOver(page, "drop", fixture("mobilenet.golden.safetensors"));
  await page.locator("#result").locator(".problem, .verdict.bad").waitFor();
  expect(wrong).toEqual([]);
  await page.context().close();
});

/** The classes that are shown, as their JSON file has them. */
async function classes(page: Page): Promise<Scored[]> {
  return JSON.parse(String(await saved(page, "Save as JSON"))).classes;
}

function expectSame(found: Scored[], expected: Scored[]): void {
  expect(found.map(({ classId }) => classId)).toEqual(expected.map(({ classId }) => classId));
  for (const [at, { score }] of expected.entries()) expect(found[at]?.score).toBeCloseTo(score, 3);
}

it("MobileNetV2 and a picture, dropped together, give PyTorch's classes", async () => {
  const { page, wrong } = await open(browser, site.url);
  await handOver(page, "drop", fixture("cat.png"), fixture("mobilenet.onnx"));
  await page.locator(".bars .best").waitFor();
  expectSame(await classes(page), answers.mobilenet.classes);
  await shot(page, "classes");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("the same network without metadata does, with the proposed settings", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("mobilenet_foreign.onnx"));
  await page.getByText("This file says nothing about its pictures").waitFor();
  await shot(page, "settings");
  await handOver(page, "paste", fixture("cat.png"));
  await page.locator(".bars .best").waitFor();
  expectSame(await classes(page), answers.mobilenet.whole);
  expect(await said(page)).toMatch(/^Class \d+, [\d.]+ %\. It took/);
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("the PP-OCR detector finds the text that ONNX Runtime finds", async () => {
  const { page, wrong } = await open(browser, site.url);
  const [width, height] = answers.ocr.size;
  await page.setInputFiles("#choose-model", path("ocr.onnx"));
  await page.getByText("This file says nothing about its pictures").waitFor();
  await page.selectOption("[name=resize]", "stretch");
  await page.fill("[name=width]", String(width));
  await page.fill("[name=height]", String(height));
  await page.selectOption("[name=values]", "imagenet");
  await page.selectOption("[name=kind]", "segmentation");
  await page.selectOption("[name=activation]", "none");
  await page.fill("[name=threshold]", String(answers.ocr.threshold));
  await page.getByRole("button", { name: "Use these settings" }).click();
  await page.getByText(`stretch to ${width} × ${height}`).waitFor();
  await page.setInputFiles("#choose-picture", path("page.png"));
  await page.locator("canvas.overlay").waitFor();
  const share = page.locator(".found li", { hasText: "Class 1" }).locator(".score");
  expect(Number.parseFloat((await share.textContent()) ?? "")).toBeCloseTo(
    answers.ocr.share * 100,
    0,
  );
  await shot(page, "mask");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("boxes lie where they are, each with its name", async () => {
  const { page, wrong } = await open(browser, site.url);
  const detector = model("detector", {
    "oxv.preprocess": { color: "rgb" },
    "oxv.postprocess": { kind: "detection", boxes: "boxes", scores: "scores", labels: ["object"] },
  });
  await handOver(page, "drop", detector, bmp([220, 160, 60], 40, 32));
  await page.locator(".found li").nth(1).waitFor();
  const found = JSON.parse(String(await saved(page, "Save as JSON"))).detections;
  expect(found.map(({ box }: { box: number[] }) => box)).toEqual([
    [0, 0, 16, 16],
    [8, 8, 32, 32],
  ]);
  expect(await page.locator("svg.overlay .box").count()).toBe(2);
  await shot(page, "boxes");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("features are shown as numbers and as a heat map", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", path("denoiser.onnx"));
  await page.getByText("Settings for pictures").click();
  await page.selectOption("[name=kind]", "raw");
  await page.getByRole("button", { name: "Use these settings" }).click();
  await page.getByText("0 to 1 → numbers").waitFor();
  await page.setInputFiles("#choose-picture", path("noisy.png"));
  await page.locator(".heat canvas").waitFor();
  await shot(page, "tensors");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("a model that takes no picture runs on made-up numbers", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", testModel("pair.onnx"));
  await page.getByRole("button", { name: "Run on random numbers" }).click();
  await page.locator(".tensor").first().waitFor();
  expect(await page.locator(".tensor").count()).toBe(2);
  await shot(page, "made-up-numbers");
  expect(wrong).toEqual([]);
  await page.context().close();
});
