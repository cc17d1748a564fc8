import type { Tensor } from "@oxidizedvision/runtime/bare";

import { h } from "../dom.ts";
import { summary } from "../statistics.ts";
import { dimensions, number } from "../words.ts";
import { heatMap } from "./heatmap.ts";

const MOST_VALUES = 48;

export function tensorsView(tensors: Tensor[]): HTMLElement[] {
  return tensors.map((tensor) => {
    const values = floats(tensor);
    const title = h(
      "h3",
      {},
      tensor.name,
      h("small", {}, ` ${tensor.dtype} · ${dimensions(tensor.shape)}`),
    );
    return h("article", { class: "tensor stack" }, title, facts(values), picture(tensor, values));
  });
}

function facts(values: ArrayLike<number>): HTMLElement {
  const { count, least, most, mean, deviation, strange } = summary(values);
  const told: [string, string][] = [
    ["Least", number(least)],
    ["Mean", number(mean)],
    ["Most", number(most)],
    ["Deviation", number(deviation)],
    ["Values", count.toLocaleString("en")],
  ];
  if (strange > 0) told.push(["NaN or infinite", strange.toLocaleString("en")]);
  const pairs = told.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  return h("dl", { class: "numbers" }, ...pairs);
}

function picture(tensor: Tensor, values: Float64Array): HTMLElement {
  const { shape } = tensor;
  const [rows = 1, columns = 1] = shape.slice(-2);
  const flat = shape.length >= 2 && rows > 1 && columns > 1;
  if (flat && values.length > MOST_VALUES) return heatMap(values, rows, columns);
  return valuesView(values);
}

function valuesView(values: Float64Array): HTMLElement {
  const shown = [...values.slice(0, MOST_VALUES)].map(number);
  const more = values.length - shown.length;
  const rest =
    more > 0 ? h("p", { class: "quiet" }, `and ${more.toLocaleString("en")} more`) : null;
  return h(
    "div",
    {},
    h("ol", { class: "values" }, ...shown.map((value) => h("li", {}, value))),
    rest,
  );
}

/** The elements as numbers, whatever they are kept as. */
export function floats({ dtype, data }: Tensor): Float64Array {
  if (dtype === "f16") return Float64Array.from(data as Uint16Array, half);
  return Float64Array.from(data as ArrayLike<number | bigint>, Number);
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
