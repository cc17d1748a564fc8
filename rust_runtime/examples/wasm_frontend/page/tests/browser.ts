import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Browser, BrowserContextOptions, Page } from "playwright-core";

import { launched } from "../../runtime/test/chromium.ts";

/** Where the screenshots of each state go. */
export const SHOTS = process.env.PAGE_SHOTS ?? join(tmpdir(), "oxidizedvision-page");

export function launch(): Promise<Browser> {
  mkdirSync(SHOTS, { recursive: true });
  return launched("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
}

/** A new page in a profile of its own, and what went wrong in it. */
export interface Opened {
  page: Page;
  wrong: string[];
}

export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions & { before?: (page: Page) => Promise<unknown> } = {},
): Promise<Opened> {
  const { before, ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...rest });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => {
    // A module that was not built is looked for, and not there.
    const expected = /404|net::ERR|ERR_INTERNET_DISCONNECTED/.test(message.text());
    if (message.type() === "error" && !expected) wrong.push(message.text());
  });
  await before?.(page);
  await page.goto(url);
  return { page, wrong };
}

/** Until the page is kept for offline use, and was loaded again where that brings threads. */
export async function settled(page: Page): Promise<void> {
  await page.locator("#offline.ready").waitFor({ timeout: 60_000 });
}

export async function shot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

export interface GivenFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** A picture of one colour as an uncompressed BMP. */
export function bmp(
  [red, green, blue]: [number, number, number],
  width: number,
  height: number,
): GivenFile {
  const row = Math.ceil((width * 3) / 4) * 4;
  const buffer = Buffer.alloc(54 + row * height);
  buffer.write("BM");
  buffer.writeUInt32LE(buffer.length, 2);
  buffer.writeUInt32LE(54, 10);
  buffer.writeUInt32LE(40, 14);
  buffer.writeInt32LE(width, 18);
  buffer.writeInt32LE(height, 22);
  buffer.writeUInt16LE(1, 26);
  buffer.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) buffer.set([blue, green, red], 54 + y * row + x * 3);
  }
  return { name: "colour.bmp", mimeType: "image/bmp", buffer };
}

/** Files dropped on the page, or pasted, as the browser itself would hand them over. */
export async function handOver(
  page: Page,
  way: "drop" | "paste",
  ...files: GivenFile[]
): Promise<void> {
  const data = files.map(({ name, mimeType, buffer }) => ({
    name,
    mimeType,
    base64: buffer.toString("base64"),
  }));
  await page.evaluate(
    ({ data, way }) => {
      const transfer = new DataTransfer();
      for (const { name, mimeType, base64 } of data) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: mimeType }));
      }
      const common = { bubbles: true, cancelable: true };
      const event =
        way === "drop"
          ? new DragEvent("drop", { ...common, dataTransfer: transfer })
          : new ClipboardEvent("paste", { ...common, clipboardData: transfer });
      document.body.dispatchEvent(event);
    },
    { data, way },
  );
}

/** The largest difference between a picture in a file and what a saved result holds. */
export async function pixelDifference(page: Page, one: Buffer, other: Buffer): Promise<number> {
  return page.evaluate(
    async (pictures) => {
      const [first, second] = await Promise.all(
        pictures.map(async (base64) => {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          const bitmap = await createImageBitmap(new Blob([bytes]));
          const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
          const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
          context.drawImage(bitmap, 0, 0);
          return context.getImageData(0, 0, bitmap.width, bitmap.height);
        }),
      );
      if (!first || !second || first.width !== second.width || first.height !== second.height)
        return Number.POSITIVE_INFINITY;
      return first.data.reduce(
        (most, value, at) => Math.max(most, Math.abs(value - (second.data[at] ?? 0))),
        0,
      );
    },
    [one.toString("base64"), other.toString("base64")],
  );
}

/** What the page says to a screen reader. */
export const said = (page: Page) => page.locator("#live").textContent();
