import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { GivenFile } from "../browser.ts";

const ROOT = fileURLToPath(new URL("../../../../../../", import.meta.url));
const SCRIPT = fileURLToPath(new URL("../make_fixtures.py", import.meta.url));
const FOLDER = process.env.PAGE_FIXTURES ?? join(tmpdir(), "oxidizedvision-page-fixtures");

export interface Answers {
  denoiser: { width: number; height: number };
  mobilenet: { classes: Scored[]; whole: Scored[] };
  ocr: { share: number; size: [number, number]; threshold: number };
}

export interface Scored {
  classId: number;
  score: number;
}

/** Made by the Python script beside this folder, where they are not there yet. */
export function makeFixtures(): Answers {
  const python = [join(ROOT, ".venv/bin/python"), "python3"].find(
    (path) => !path.includes("/") || existsSync(path),
  ) as string;
  const paths = [join(ROOT, ".venv/bin"), join(ROOT, ".tools/bin"), process.env.PATH].join(":");
  const environment = { ...process.env, PATH: paths, PYTHONPATH: join(ROOT, "python_client") };
  const made = spawnSync(python, [SCRIPT, FOLDER], { env: environment, encoding: "utf8" });
  if (made.status !== 0) throw new Error(`the fixtures cannot be made:\n${made.stderr}`);
  return JSON.parse(readFileSync(join(FOLDER, "answers.json"), "utf8"));
}

const TYPES: Record<string, string> = { png: "image/png", jpg: "image/jpeg" };

/** One of them as a user would give it. */
export function fixture(name: string): GivenFile {
  const mimeType = TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream";
  return { name, mimeType, buffer: readFileSync(join(FOLDER, name)) };
}

export const path = (name: string) => join(FOLDER, name);

/** A file that no engine may load. */
export function hostile(name: string): GivenFile {
  const buffer = readFileSync(join(ROOT, "testdata", "hostile", name));
  return { name, mimeType: "application/octet-stream", buffer };
}

export function testModel(name: string): GivenFile {
  const buffer = readFileSync(join(ROOT, "testdata", "models", name));
  return { name, mimeType: "application/octet-stream", buffer };
}
