import { h } from "../dom.ts";
import { summary } from "../statistics.ts";
import { number } from "../words.ts";
import { canvasOf } from "./stage.ts";

/** From dark to light through colours that stay in order without colour vision. */
const SCALE = [
  [20, 11, 53],
  [87, 16, 109],
  [160, 40, 98],
  [219, 84, 62],
  [249, 157, 35],
  [252, 245, 170],
] as const;

/** The last two axes as a picture, with a choice of the slices before them. */
export function heatMap(values: Float64Array, rows: number, columns: number): HTMLElement {
  const size = rows * columns;
  const slices = values.length / size;
  const place = h("div", { class: "heat" });
  const show = (slice: number) => {
    const part = values.subarray(slice * size, (slice + 1) * size);
    const { least, most } = summary(part);
    const canvas = canvasOf(heated(part, least, most), columns, rows);
    canvas.setAttribute("role", "img");
    canvas.setAttribute(
      "aria-label",
      `Slice ${slice + 1}: values from ${number(least)} to ${number(most)}`,
    );
    const key = h(
      "div",
      { class: "key" },
      number(least),
      h("span", { class: "ramp" }),
      number(most),
    );
    place.replaceChildren(canvas, key);
  };
  show(0);
  if (slices < 2) return place;
  const pick = h("input", { type: "range", min: "0", max: String(slices - 1), value: "0" });
  const told = h("output", {}, `1 of ${slices}`);
  pick.addEventListener("input", () => {
    told.textContent = `${Number(pick.value) + 1} of ${slices}`;
    show(Number(pick.value));
  });
  return h(
    "div",
    { class: "stack" },
    place,
    h("label", { class: "slider" }, h("span", {}, "Slice"), pick, told),
  );
}

function heated(values: Float64Array, least: number, most: number): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(values.length * 4);
  const range = most - least || 1;
  values.forEach((value, at) => {
    if (!Number.isFinite(value)) return;
    const place = ((value - least) / range) * (SCALE.length - 1);
    const below = Math.min(SCALE.length - 2, Math.floor(place));
    for (let channel = 0; channel < 3; channel += 1) {
      const from = SCALE[below]?.[channel] ?? 0;
      const to = SCALE[below + 1]?.[channel] ?? 0;
      rgba[at * 4 + channel] = from + (to - from) * (place - below);
    }
    rgba[at * 4 + 3] = 255;
  });
  return rgba;
}
