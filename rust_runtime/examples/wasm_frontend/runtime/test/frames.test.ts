// The frames that other programs speak: what goes in comes out, and nothing broken gets through.
import { expect, test } from "vitest";
import { BrokenMessageError, encode, messages } from "../frames.mjs";
import type { Tensor } from "../src/types.js";

const arrays: Tensor[] = [
  { name: "f", dtype: "f32", shape: [2], data: new Float32Array([1.5, -2]) },
  { name: "i", dtype: "i64", shape: [1, 1], data: new BigInt64Array([-7n]) },
  { name: "b", dtype: "bool", shape: [3], data: new Uint8Array([1, 0, 1]) },
  { name: "none", dtype: "u8", shape: [0, 4], data: new Uint8Array(0) },
];

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size)
    yield bytes.subarray(start, start + size);
}

async function decoded(bytes: Uint8Array, size = 7): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const message of messages(inPieces(bytes, size))) read.push(message);
  return read;
}

function framed(head: string | object, rest = new Uint8Array(0)): Uint8Array {
  const text = Buffer.from(typeof head === "string" ? head : JSON.stringify(head));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, rest]);
}

test.each([1, 7, 1000])(
  "messages come out as they went in, in pieces of %d bytes",
  async (size) => {
    const message = { body: { name: "größe" }, arrays };
    const bytes = Buffer.concat([...encode(message), ...encode({ body: { a: 1 } })]);
    expect(await decoded(bytes, size)).toEqual([message, { body: { a: 1 }, arrays: [] }]);
  },
);

test("a part of a larger array is written alone", () => {
  const data = new Float32Array(100).subarray(3, 5);
  const pieces = encode({ arrays: [{ name: "f", dtype: "f32", shape: [2], data }] });
  expect(pieces.at(-1)?.byteLength).toBe(8);
});

const array = { name: "x", dtype: "f32", shape: [2] };

test.each([
  ["a head that is too long", new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1]), "its head has"],
  ["no JSON", framed("{"), "SyntaxError"],
  ["no object", framed("[]"), "no body or no arrays"],
  ["no body", framed({ arrays: [] }), "no body or no arrays"],
  ["an unknown type", framed({ body: {}, arrays: [{ ...array, dtype: "f8" }] }), "no array is"],
  ["a borrowed name", framed({ body: {}, arrays: [{ ...array, dtype: "toString" }] }), "no array"],
  ["a negative length", framed({ body: {}, arrays: [{ ...array, shape: [-1] }] }), "no array is"],
  ["half a length", framed({ body: {}, arrays: [{ ...array, shape: [0.5] }] }), "no array is"],
  ["no memory's length", framed({ body: {}, arrays: [{ ...array, shape: [1e6, 1e6] }] }), "shape"],
  ["an array that is cut", framed({ body: {}, arrays: [array] }, new Uint8Array(7)), "ends before"],
  ["a head that is cut", framed({ body: {}, arrays: [] }).subarray(0, 12), "ends before"],
  ["a length that is cut", new Uint8Array(5), "ends before"],
])("what is no message is told: %s", async (_, bytes, message) => {
  const error = await decoded(bytes).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BrokenMessageError);
  expect(String(error)).toContain(message);
});
