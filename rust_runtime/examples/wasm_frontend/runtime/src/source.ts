import { OxidizedVisionError } from "./errors.js";
import { body, fetched, type Report } from "./fetching.js";
import type { ModelSource } from "./types.js";

/** A model's bytes, to be had again when a worker has to start anew. */
export class Source {
  /** What messages call the model. */
  readonly name: string;
  #given: ModelSource | Blob;

  constructor(given: ModelSource, name?: string) {
    this.#given = given;
    this.name = name ?? nameOf(given);
  }

  /** The bytes, in a buffer that nobody else holds. */
  async bytes(report: Report, signal?: AbortSignal): Promise<ArrayBuffer> {
    const given = this.#given;
    if (given instanceof Blob) return fromBlob(given, this.name, report);
    if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) {
      report(given.byteLength, given.byteLength);
      return given instanceof ArrayBuffer ? given.slice(0) : (given.slice().buffer as ArrayBuffer);
    }
    const wanted = {
      url: given,
      what: this.name,
      hint: "Check the model's address.",
      missing: "not_found",
    } as const;
    return body(await fetched(wanted, signal), wanted, report, signal);
  }

  /** Keep what was read: an address may answer otherwise later, and an array may be changed. */
  keep(bytes: ArrayBuffer): void {
    if (!(this.#given instanceof Blob)) this.#given = new Blob([bytes]);
  }
}

async function fromBlob(blob: Blob, name: string, report: Report): Promise<ArrayBuffer> {
  try {
    report(0, blob.size);
    const bytes = await blob.arrayBuffer();
    report(blob.size, blob.size);
    return bytes;
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
