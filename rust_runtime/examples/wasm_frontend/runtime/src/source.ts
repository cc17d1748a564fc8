import { OxidizedVisionError } from "./errors.js";
import { fetched, type Report, reading, readParts } from "./fetching.js";
import type { Bytes } from "./protocol.js";
import type { ModelSource } from "./types.js";

/** Takes the next bytes, which nobody else holds, and how many there are in all if that is known. */
export type Take = (bytes: Bytes, total: number | null) => void;

/** A model's bytes, to be had again when a worker has to start anew. */
export class Source {
  /** What messages call the model. */
  readonly name: string;
  #given: ModelSource | Blob;

  constructor(given: ModelSource, name?: string) {
    this.#given = given;
    this.name = name ?? nameOf(given);
  }

  /** All bytes, for `take` to keep: one part after the other, with the length of all if it is known. */
  async read(take: Take, report: Report, signal?: AbortSignal): Promise<void> {
    const given = this.#given;
    if (given instanceof Blob) {
      report(0, given.size);
      const bytes = await bytesOf(given, this.name);
      report(bytes.byteLength, given.size);
      take(bytes, bytes.byteLength);
      return;
    }
    if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) {
      report(given.byteLength, given.byteLength);
      take(copyOf(given), given.byteLength);
      return;
    }
    const wanted = {
      url: given,
      what: this.name,
      hint: "Check the model's address.",
      missing: "not_found",
    } as const;
    const response = await fetched(wanted, signal);
    await reading(wanted, signal, () => readParts(response, report, take));
  }

  /** Keep what was read: an address may answer otherwise later, and an array may be changed. */
  keep(parts: Bytes[]): void {
    if (!(this.#given instanceof Blob)) this.#given = new Blob(parts);
  }

  /** What was read once. */
  async kept(): Promise<Bytes> {
    if (this.#given instanceof Blob) return bytesOf(this.#given, this.name);
    throw new OxidizedVisionError("internal", `${this.name} was not read yet`, "");
  }
}

function copyOf(given: ArrayBuffer | ArrayBufferView): Bytes {
  if (given instanceof ArrayBuffer) return new Uint8Array(given.slice(0));
  return new Uint8Array(given.buffer, given.byteOffset, given.byteLength).slice();
}

async function bytesOf(blob: Blob, name: string): Promise<Bytes> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (thrown) {
    throw new OxidizedVisionError(
      "unreadable",
      `${name} could not be read: ${thrown instanceof Error ? thrown.message : thrown}`,
      "It may have changed or gone since it was chosen: choose it again.",
      { cause: thrown },
    );
  }
}

function nameOf(given: ModelSource): string {
  if (typeof File === "function" && given instanceof File) return given.name;
  if (typeof given === "string" || given instanceof URL) {
    const path = String(given).split(/[?#]/, 1)[0] ?? "";
    const last = path.slice(path.lastIndexOf("/") + 1);
    return given.toString().startsWith("data:") || last === "" ? "model" : last;
  }
  return "model";
}
