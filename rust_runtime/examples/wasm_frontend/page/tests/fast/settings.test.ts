// What is proposed for a model that says nothing of its pictures, and how numbers are read.
import type { TensorSpec } from "@oxidizedvision/runtime/bare";
import { describe, expect, it } from "vitest";

import { fixedShape, pictureInput, presetOf, proposal, VALUES } from "../../src/contract.ts";
import { readNumber, writeScale } from "../../src/fields.ts";

const spec = (name: string, ...dims: (number | string)[]): TensorSpec => ({
  name,
  dtype: "f32",
  dims,
});

describe("where a picture goes in", () => {
  it.each([
    [[1, 3, 224, 224], "nchw", 3, 224, 224],
    [["n", 3, "h", "w"], "nchw", 3, undefined, undefined],
    [[1, 64, 128, 3], "nhwc", 3, 64, 128],
    [[1, 1, 28, 28], "nchw", 1, 28, 28],
  ] as const)("%j", (dims, layout, channels, height, width) => {
    expect(pictureInput([spec("x", ...dims)])).toMatchObject({ layout, channels, height, width });
  });

  it.each([[[1, 16]], [[1, 7, 10, 12]]])("no picture fits %j", (dims) => {
    expect(pictureInput([spec("x", ...dims)])).toBeUndefined();
  });

  it("two inputs, or one of whole numbers, take no picture", () => {
    const picture = spec("x", 1, 3, 8, 8);
    expect(pictureInput([picture, picture])).toBeUndefined();
    expect(pictureInput([{ ...picture, dtype: "i64" }])).toBeUndefined();
  });
});

describe("what is proposed", () => {
  const kindFor = (input: TensorSpec, ...outputs: TensorSpec[]) => {
    const place = pictureInput([input]);
    if (!place) throw new Error("no picture input");
    return proposal(place, outputs);
  };

  it("classes of a classifier, with ImageNet's numbers and a cut to its size", () => {
    const { preprocess, postprocess } = kindFor(spec("x", 1, 3, 224, 224), spec("y", 1, 1000));
    expect(postprocess).toMatchObject({ kind: "classification" });
    expect(preprocess?.resize).toMatchObject({ width: 224, height: 224, mode: "center-crop" });
    expect(presetOf(preprocess ?? {})).toBe("imagenet");
  });

  it("a picture of its own size for a network of any size that gives three channels", () => {
    const { preprocess, postprocess } = kindFor(
      spec("x", "n", 3, "h", "w"),
      spec("y", "n", 3, "h", "w"),
    );
    expect(postprocess).toMatchObject({ kind: "image" });
    expect(preprocess?.resize).toBeNull();
  });

  it("boxes in the form that the shapes tell", () => {
    const input = spec("x", 1, 3, 640, 640);
    expect(kindFor(input, spec("y", 1, 84, 8400)).postprocess).toMatchObject({ box_axis: 2 });
    expect(kindFor(input, spec("y", 1, 25200, 85)).postprocess).toMatchObject({
      attributes: "objectness-scores",
    });
    expect(
      kindFor(input, spec("boxes", "n", 4), spec("labels", "n"), spec("scores", "n")).postprocess,
    ).toMatchObject({ boxes: "boxes", scores: "scores", classes: "labels" });
  });

  it("a mask where four axes come out", () => {
    const { postprocess } = kindFor(spec("x", 1, 3, 64, 64), spec("y", 1, 1, 64, 64));
    expect(postprocess).toMatchObject({ kind: "segmentation" });
  });
});

it("a resize fixes the axes that the file leaves open, and only those", () => {
  const open = pictureInput([spec("x", "n", 3, "h", "w")]);
  const fixed = pictureInput([spec("x", 1, 3, 8, 8)]);
  if (!open || !fixed) throw new Error("no picture input");
  expect(fixedShape(open, { width: 320, height: 160 })).toEqual([1, 3, 160, 320]);
  expect(fixedShape(open, null)).toBeUndefined();
  expect(fixedShape(fixed, { width: 8, height: 8 })).toBeUndefined();
});

it("every preset is found again from its numbers, and others are the user's own", () => {
  for (const [name, { values }] of Object.entries(VALUES)) expect(presetOf(values)).toBe(name);
  expect(presetOf({ scale: 1 / 255, mean: [0.1], std: [1] })).toBe("own");
  expect(presetOf({})).toBe("unit");
});

it("numbers may be divisions", () => {
  expect(readNumber("1/255")).toBe(1 / 255);
  expect(readNumber("-0.5")).toBe(-0.5);
  for (const word of ["", "1/2/3", "one", "1/"]) expect(readNumber(word)).toBeNaN();
  expect(writeScale(1 / 255)).toBe("1/255");
  expect(writeScale(1)).toBe("1");
  expect(writeScale(0.3)).toBe("0.3");
});
