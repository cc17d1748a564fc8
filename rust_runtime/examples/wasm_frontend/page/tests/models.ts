import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { GivenFile } from "./browser.ts";

const MODELS = new URL("../../../denoiser_cli/tests/models/", import.meta.url);

/** One of the small models that denoiser_cli is tested with, with metadata of the test's own. */
export const model = (name: string, metadata: Record<string, unknown> = {}): GivenFile => ({
  name: `${name}.onnx`,
  mimeType: "application/octet-stream",
  buffer: withMetadata(readFileSync(fileURLToPath(new URL(`${name}.onnx`, MODELS))), metadata),
});

/** An ONNX file is a protobuf message: fields of the end add to those before. */
function withMetadata(file: Buffer, metadata: Record<string, unknown>): Buffer {
  const text = (tag: number, value: string) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([tag]), length(bytes.length), bytes]);
  };
  const entries = Object.entries(metadata).map(([key, value]) => {
    const pair = Buffer.concat([text(0x0a, key), text(0x12, JSON.stringify(value))]);
    return Buffer.concat([Buffer.from([0x72]), length(pair.length), pair]);
  });
  return Buffer.concat([file, ...entries]);
}

function length(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
