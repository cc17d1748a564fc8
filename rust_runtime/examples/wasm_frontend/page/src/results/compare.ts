import type { Prediction } from "@oxidizedvision/runtime/bare";

import { h } from "../dom.ts";
import { canvasOf, type Source, stage } from "./stage.ts";

type Image = Extract<Prediction, { kind: "image" }>;

/** Before and after in one place: the line between them follows the pointer or the arrow keys. */
export function compareView({ rgba, width, height }: Image, source: Source): HTMLElement[] {
  const after = canvasOf(rgba, width, height);
  after.className = "overlay after";
  const knob = h("span", { class: "knob", aria: { hidden: "true" } });
  const range = h("input", {
    type: "range",
    min: "0",
    max: "100",
    step: "0.5",
    value: "50",
    class: "cover",
  });
  range.setAttribute("aria-label", "Before and after");
  const before = h("span", { class: "tag start" }, "Before");
  const result = h("span", { class: "tag end" }, "After");
  // A picture of another size is shown in its own proportions, over the one it was made of.
  const grown = { ...source, width, height };
  const made = stage(grown, after, knob, before, result, range);
  made.classList.add("compare");
  const move = () => {
    made.style.setProperty("--cut", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${Math.round(Number(range.value))} % before`);
  };
  range.addEventListener("input", move);
  move();
  const sizes = width === source.width && height === source.height;
  const note = sizes
    ? null
    : h(
        "p",
        { class: "quiet" },
        `${source.width} × ${source.height} became ${width} × ${height} pixels.`,
      );
  return note ? [made, note] : [made];
}

/** The picture as a PNG file, at its full size. */
export function pngOf({ rgba, width, height }: Image): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  image.data.set(rgba);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
