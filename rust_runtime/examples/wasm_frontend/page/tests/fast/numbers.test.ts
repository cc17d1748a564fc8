// Times, sizes and tensors as they are shown.
import { describe, expect, it } from "vitest";

import { painted, shares } from "../../src/results/mask.ts";
import { floats } from "../../src/results/tensors.ts";
import { median, quantile, summary } from "../../src/statistics.ts";
import { bytes, milliseconds, number, percent } from "../../src/words.ts";

it("median and p95 lie between the values that are nearest", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([1, 2])).toBe(1.5);
  const hundred = Array.from({ length: 101 }, (_, at) => at);
  expect(quantile(hundred, 0.95)).toBeCloseTo(95);
});

it("a summary leaves out what is no number, and counts it", () => {
  const told = summary([1, 3, Number.NaN, Number.POSITIVE_INFINITY]);
  expect(told).toMatchObject({ count: 4, least: 1, most: 3, mean: 2, deviation: 1, strange: 2 });
});

describe("tensors of any element type are numbers", () => {
  it.each([
    [
      "f16",
      Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555),
      [1, -2, 2 ** -24, Infinity, 0.333251953125],
    ],
    ["i64", BigInt64Array.of(-5n, 7n), [-5, 7]],
    ["bool", Uint8Array.of(0, 1), [0, 1]],
  ] as const)("%s", (dtype, data, expected) => {
    expect([...floats({ name: "t", dtype, shape: [data.length], data })]).toEqual(expected);
  });
});

it("a mask is clear on the ground and where nothing was seen", () => {
  const found = {
    kind: "segmentation" as const,
    width: 2,
    height: 2,
    ids: Uint16Array.of(0, 1, 255, 1),
    unseen: 255,
    labels: null,
    colors: null,
  };
  const rgba = painted(found);
  expect([rgba[3], rgba[7], rgba[11], rgba[15]]).toEqual([0, 255, 0, 255]);
  expect(shares(found)[0]).toEqual({ id: 1, share: 0.5 });
  const own = painted({
    ...found,
    colors: [
      [9, 8, 7],
      [1, 2, 3],
    ],
  });
  expect([...own.slice(0, 4)]).toEqual([9, 8, 7, 255]);
});

it("words", () => {
  expect([
    milliseconds(0.5),
    milliseconds(12.34),
    milliseconds(1234),
    milliseconds(61_000),
  ]).toEqual(["0.50 ms", "12.3 ms", "1234 ms", "61 s"]);
  expect([bytes(999), bytes(92_777), bytes(14_012_138)]).toEqual(["999 B", "93 kB", "14 MB"]);
  expect([percent(0.5), percent(0.0004)]).toEqual(["50.0 %", "0.04 %"]);
  expect([number(3), number(0.12345), number(1e-7)]).toEqual(["3", "0.1235", "1.00e-7"]);
});
