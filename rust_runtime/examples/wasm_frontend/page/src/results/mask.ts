import type { Prediction } from "@oxidizedvision/runtime/bare";

import { h } from "../dom.ts";
import { percent } from "../words.ts";
import { canvasOf, colorOf, mark, type Source, slider, stage } from "./stage.ts";

type Mask = Extract<Prediction, { kind: "segmentation" }>;

const MOST_LISTED = 12;

interface Share {
  id: number;
  share: number;
}

export function maskView(found: Mask, source: Source): HTMLElement[] {
  const canvas = canvasOf(painted(found), found.width, found.height);
  canvas.className = "overlay";
  canvas.setAttribute("aria-hidden", "true");
  const covers = slider("Mask", 60, (value) => {
    canvas.style.opacity = String(value / 100);
  });
  const list = shares(found);
  const items = list
    .slice(0, MOST_LISTED)
    .map(({ id, share }) =>
      h(
        "li",
        {},
        id === found.unseen || isGround(id, found)
          ? h("span", { class: "mark none" })
          : mark(colorOf(id, found.colors)),
        h("span", { class: "name" }, nameOf(id, found)),
        h("span", { class: "score" }, percent(share)),
      ),
    );
  return [
    stage(source, canvas),
    covers,
    h("ul", { class: "found", aria: { label: "Share of each class" } }, ...items),
  ];
}

// Without colours of its own, class 0 is the ground, which stays clear.
const isGround = (id: number, { colors }: Mask) => id === 0 && !colors;

function nameOf(id: number, { unseen, labels }: Mask): string {
  if (id === unseen) return "Not seen by the model";
  return labels?.[id] ?? (id === 0 ? "Class 0 (ground)" : `Class ${id}`);
}

/** The mask in colours, clear where there is nothing to show. */
export function painted(found: Mask): Uint8ClampedArray {
  const { ids, unseen, colors } = found;
  const rgba = new Uint8ClampedArray(ids.length * 4);
  for (let at = 0; at < ids.length; at += 1) {
    const id = ids[at] ?? 0;
    if (id === unseen || isGround(id, found)) continue;
    const [red, green, blue] = colorOf(id, colors);
    rgba[at * 4] = red;
    rgba[at * 4 + 1] = green;
    rgba[at * 4 + 2] = blue;
    rgba[at * 4 + 3] = 255;
  }
  return rgba;
}

export function shares({ ids }: Mask): Share[] {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts]
    .map(([id, pixels]) => ({ id, share: pixels / ids.length }))
    .sort((a, b) => b.share - a.share);
}

export function maskSaid(found: Mask): string {
  const told = shares(found).slice(0, 3);
  return told.map(({ id, share }) => `${nameOf(id, found)} ${percent(share)}`).join(", ");
}
