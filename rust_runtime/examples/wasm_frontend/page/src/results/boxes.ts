import type { Detection } from "@oxidizedvision/runtime/bare";

import { h, svg } from "../dom.ts";
import { count, percent } from "../words.ts";
import { className } from "./classes.ts";
import { colorOf, css, mark, type Source, stage } from "./stage.ts";

interface Found {
  width: number;
  height: number;
  detections: Detection[];
}

export function boxesView({ width, height, detections }: Found, source: Source): HTMLElement[] {
  const overlay = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    class: "overlay",
    "aria-hidden": "true",
  });
  // The best lies on top.
  const drawn = [...detections].reverse().map((found) => drawBox(found, width, height));
  overlay.append(...drawn);
  const shapes = [...drawn].reverse();
  const items = detections.map((found, at) => listItem(found, shapes[at]));
  const list =
    items.length > 0
      ? h("ol", { class: "found", aria: { label: "What was found" } }, ...items)
      : h(
          "p",
          { class: "quiet" },
          "Nothing was found. A lower least score in the settings shows more.",
        );
  return [stage(source, overlay), list];
}

function drawBox(found: Detection, width: number, height: number): SVGElement {
  const [left, top, right, bottom] = found.box;
  const color = css(colorOf(found.classId));
  const size = Math.max(width, height) / 55;
  const label = `${className(found)} ${Math.round(found.score * 100)} %`;
  const above = top > size * 1.5;
  const plate = {
    x: left,
    y: above ? top - size * 1.4 : top,
    height: size * 1.4,
    width: label.length * size * 0.68,
  };
  const words = svg("text", { x: left + size * 0.3, y: plate.y + size, "font-size": size }, label);
  return svg(
    "g",
    { class: "box" },
    svg("rect", { x: left, y: top, width: right - left, height: bottom - top, stroke: color }),
    svg("rect", { ...plate, class: "plate", fill: color }),
    words,
  );
}

function listItem(found: Detection, shape: SVGElement | undefined): HTMLElement {
  const item = h(
    "li",
    {},
    mark(colorOf(found.classId)),
    h("span", { class: "name" }, className(found)),
    h("span", { class: "score" }, percent(found.score)),
    h("span", { class: "quiet" }, found.box.map((side) => Math.round(side)).join(", ")),
  );
  item.addEventListener("pointerenter", () => shape?.classList.add("chosen"));
  item.addEventListener("pointerleave", () => shape?.classList.remove("chosen"));
  return item;
}

export function boxesSaid({ detections }: Found): string {
  return detections.length === 0
    ? "Nothing was found"
    : `${count(detections.length, "box", "boxes")} found`;
}
