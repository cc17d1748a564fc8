/**
 * Messages between a program and an engine's process: an 8-byte length, JSON, then the bytes of
 * plain arrays. The same as `oxidizedvision/runners/frames.py`.
 *
 * @typedef {import("./node.d.mts").Tensor} Tensor
 * @typedef {{ body: Record<string, unknown>, arrays: Tensor[] }} Message
 */

const LENGTH_BYTES = 8;
const LONGEST_HEAD = 1 << 26;
/** No ArrayBuffer of V8 is longer. */
const LONGEST_ARRAY = 2 ** 32;

/** @type {Record<string, any>} */
const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** What came is no message. */
export class BrokenMessageError extends Error {
  /** @override */
  name = "BrokenMessageError";
}

/**
 * A message as pieces to be written one after the other.
 *
 * @param {{ body?: Record<string, unknown>, arrays?: Tensor[] }} message
 * @returns {Uint8Array[]}
 */
export function encode({ body = {}, arrays = [] }) {
  const specs = arrays.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const text = Buffer.from(JSON.stringify({ body, arrays: specs }), "utf8");
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(text.byteLength));
  const contents = arrays.map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return [length, text, ...contents];
}

/**
 * The messages of a stream, until it ends.
 *
 * @param {AsyncIterable<Uint8Array>} stream
 * @returns {AsyncGenerator<Message>}
 * @throws {BrokenMessageError} where it holds something else, or ends within a message
 */
export async function* messages(stream) {
  const reader = new Reader(stream);
  for (;;) {
    const start = new Uint8Array(LENGTH_BYTES);
    const filled = await reader.fill(start);
    if (filled === 0) return;
    if (filled < LENGTH_BYTES) throw cut();
    yield await rest(reader, Buffer.from(start).readBigUInt64LE());
  }
}

/**
 * @param {Reader} reader
 * @param {bigint} length of the head
 * @returns {Promise<Message>}
 */
async function rest(reader, length) {
  if (length > LONGEST_HEAD) throw new BrokenMessageError(`its head has ${length} bytes`);
  const text = new Uint8Array(Number(length));
  await reader.fillAll(text);
  const head = parsed(Buffer.from(text).toString("utf8"));
  const arrays = head.arrays.map(empty);
  for (const { data } of arrays)
    await reader.fillAll(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { body: head.body, arrays };
}

/**
 * @param {string} text
 * @returns {{ body: Record<string, unknown>, arrays: unknown[] }}
 */
function parsed(text) {
  let head;
  try {
    head = JSON.parse(text);
  } catch (error) {
    throw new BrokenMessageError(String(error));
  }
  if (!isRecord(head) || !isRecord(head.body) || !Array.isArray(head.arrays))
    throw new BrokenMessageError("its head has no body or no arrays");
  return { body: head.body, arrays: head.arrays };
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} entry
 * @returns {Tensor}
 */
function empty(entry) {
  if (!isRecord(entry)) throw new BrokenMessageError(`no array is ${JSON.stringify(entry)}`);
  const { name, dtype, shape } = entry;
  const array = typeof dtype === "string" && Object.hasOwn(ARRAYS, dtype) ? ARRAYS[dtype] : null;
  if (typeof name !== "string" || array === null || !Array.isArray(shape) || !shape.every(isLength))
    throw new BrokenMessageError(`no array is ${JSON.stringify(entry)}`);
  const elements = shape.reduce((product, length) => product * length, 1);
  if (elements * array.BYTES_PER_ELEMENT > LONGEST_ARRAY)
    throw new BrokenMessageError(`no array has the shape [${shape}]`);
  return /** @type {Tensor} */ ({ name, dtype, shape, data: new array(elements) });
}

/** @param {unknown} length */
function isLength(length) {
  return Number.isSafeInteger(length) && Number(length) >= 0;
}

function cut() {
  return new BrokenMessageError("it ends before its end");
}

/** Fills arrays from the chunks of a stream. */
class Reader {
  /** @param {AsyncIterable<Uint8Array>} stream */
  constructor(stream) {
    this.chunks = stream[Symbol.asyncIterator]();
    /** @type {Uint8Array} */
    this.chunk = new Uint8Array(0);
  }

  /**
   * How much of the target was filled; less than all of it only where the stream ended.
   *
   * @param {Uint8Array} target
   */
  async fill(target) {
    let filled = 0;
    while (filled < target.length) {
      if (this.chunk.length === 0) {
        const { done, value } = await this.chunks.next();
        if (done) return filled;
        this.chunk = value;
      }
      const part = this.chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.chunk = this.chunk.subarray(part.length);
    }
    return filled;
  }

  /** @param {Uint8Array} target */
  async fillAll(target) {
    if ((await this.fill(target)) < target.length) throw cut();
  }
}
