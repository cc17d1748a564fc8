import { existsSync } from "node:fs";

import { type Browser, chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const KNOWN = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Chromium: that which the variable CHROMIUM names, or the system's. */
export function launched(...flags: string[]): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? KNOWN.find((path) => existsSync(path));
  if (!executablePath)
    throw new Error("these tests need Chromium: apt-get install chromium, or set CHROMIUM");
  return chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
}
