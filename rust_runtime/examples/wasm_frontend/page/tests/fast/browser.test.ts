// The page in a real browser on small models: from the file to the result. tests/long has the rest.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { bmp, handOver, launch, open, said, shot } from "../browser.ts";
import { model } from "../models.ts";
import { host, type Running } from "../site.ts";

let browser: Browser;
let site: Running;

beforeAll(async () => {
  browser = await launch();
  site = await host();
});

afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

it("a model that describes itself takes a picture at once", async () => {
  const { page, wrong } = await open(browser, site.url);
  const classifier = model("classifier", {
    "oxv.preprocess": { color: "rgb" },
    "oxv.postprocess": {
      kind: "classification",
      activation: "none",
      labels: ["reddish", "greenish", "bluish"],
    },
  });
  await page.setInputFiles("#choose-model", classifier);
  await page.getByText("RGB, its own size, 0 to 1 → classes").waitFor();
  await page.setInputFiles("#choose-picture", bmp([20, 230, 60], 32, 32));
  await page.locator(".bars .best").waitFor();
  expect(await page.locator(".bars .best").textContent()).toContain("greenish");
  expect(await said(page)).toMatch(/^greenish, 90\.2 %\. It took /);
  await shot(page, "fast-classes");
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("a model that says nothing gets its settings from the fields", async () => {
  const { page, wrong } = await open(browser, site.url);
  await page.setInputFiles("#choose-model", model("denoiser"));
  await page.getByText("This file says nothing about its pictures").waitFor();
  await page.selectOption("[name=kind]", "image");
  await page.selectOption("[name=values]", "unit");
  await handOver(page, "drop", bmp([200, 120, 40], 40, 24));
  await page.locator(".compare .after").waitFor();
  expect(wrong).toEqual([]);
  await page.context().close();
});

it("what is no model is refused in words", async () => {
  const { page, wrong } = await open(browser, site.url);
  const file = { name: "holiday.onnx", mimeType: "", buffer: Buffer.from("not a model") };
  await page.setInputFiles("#choose-model", file);
  const told = page.locator("#model .problem");
  await told.waitFor();
  expect(await told.getAttribute("data-kind")).toBe("corrupt");
  expect(await told.textContent()).toContain("holiday");
  expect(wrong).toEqual([]);
  await page.context().close();
});
