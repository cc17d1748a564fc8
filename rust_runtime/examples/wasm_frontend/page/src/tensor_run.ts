import type { ModelInfo, Tensor, TensorData, TensorSpec } from "@oxidizedvision/runtime/bare";

import { h } from "./dom.ts";
import { field, valueIn, whole } from "./fields.ts";
import { dimensions } from "./words.ts";

const LIKELY = { batch: 1, other: 224 };
const MOST_ELEMENTS = 50_000_000;

/** For a model that takes no picture: made-up numbers show that it runs, how long, and what comes out. */
export function tensorForm(info: ModelInfo, run: (inputs: Tensor[]) => void): HTMLFormElement {
  const symbols = [
    ...new Set(info.inputs.flatMap(({ dims }) => dims.filter((size) => typeof size === "string"))),
  ];
  const list = info.inputs.map((input) =>
    h("li", {}, h("code", {}, input.name), ` ${input.dtype} · ${dimensions(input.dims)}`),
  );
  const fields = symbols.map((symbol, at) =>
    field(`Length of ${symbol}`, whole(symbol, at === 0 ? LIKELY.batch : LIKELY.other)),
  );
  const form = h(
    "form",
    { class: "stack", aria: { label: "Run on made-up numbers" } },
    h(
      "p",
      { class: "quiet" },
      "No picture fits this model's input. It can be run on made-up numbers.",
    ),
    h("ul", { class: "specs" }, ...list),
    h("div", { class: "fields" }, ...fields),
    h(
      "div",
      { class: "row" },
      h("button", { type: "submit", class: "primary" }, "Run on random numbers"),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const length = (size: number | string) =>
      typeof size === "number" ? size : Number(valueIn(form, size));
    run(info.inputs.map((input) => madeUp(input, input.dims.map(length))));
  });
  return form;
}

function madeUp({ name, dtype }: TensorSpec, shape: number[]): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  if (size > MOST_ELEMENTS) {
    const hint = `The most here is ${MOST_ELEMENTS.toLocaleString("en")}.`;
    throw Object.assign(new Error(`${name} would have ${size.toLocaleString("en")} values`), {
      kind: "input",
      hint,
    });
  }
  return { name, dtype, shape, data: numbers(dtype, size) };
}

function numbers(dtype: TensorSpec["dtype"], size: number): TensorData {
  const small = (most: number) =>
    Array.from({ length: size }, () => Math.floor(Math.random() * most));
  switch (dtype) {
    case "f32":
      return Float32Array.from({ length: size }, Math.random);
    case "f64":
      return Float64Array.from({ length: size }, Math.random);
    case "f16":
      // Bits of numbers from 0.5 to 1.
      return Uint16Array.from({ length: size }, () => 0x3800 | Math.floor(Math.random() * 0x400));
    case "i64":
      return BigInt64Array.from(small(2), BigInt);
    case "i32":
      return Int32Array.from(small(2));
    case "i8":
      return Int8Array.from(small(2));
    default:
      return Uint8Array.from(small(2));
  }
}
