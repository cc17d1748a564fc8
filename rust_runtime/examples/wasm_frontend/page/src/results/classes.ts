import type { ScoredClass } from "@oxidizedvision/runtime/bare";

import { h } from "../dom.ts";
import { percent } from "../words.ts";
import { type Source, stage } from "./stage.ts";

export const className = (entry: { label: string | null; classId: number }) =>
  entry.label ?? `Class ${entry.classId}`;

export function classesView(classes: ScoredClass[], source: Source): HTMLElement[] {
  const bars = classes.map((entry, place) => {
    const bar = h("span", { class: "bar" });
    bar.style.inlineSize = `${Math.min(1, Math.max(0, entry.score)) * 100}%`;
    return h(
      "li",
      { class: place === 0 ? "best" : "" },
      h("span", { class: "name" }, className(entry)),
      h("span", { class: "score" }, percent(entry.score)),
      h("span", { class: "track" }, bar),
    );
  });
  return [h("div", { class: "beside" }, stage(source), h("ol", { class: "bars" }, ...bars))];
}

export function classesSaid(classes: ScoredClass[]): string {
  const [best] = classes;
  return best ? `${className(best)}, ${percent(best.score)}` : "No class";
}
