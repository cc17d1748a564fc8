import type { GoldenReport } from "@oxidizedvision/runtime/bare";

import { h, say } from "./dom.ts";
import { count } from "./words.ts";

const MOST_ROWS = 20;

/** Whether the model answers here as PyTorch did when it was converted. */
export function goldensView(check: GoldenReport, name: string): HTMLElement {
  const { passed, cases, maxError, tolerance, rows } = check;
  const title = passed ? "The answers agree with PyTorch's" : "The answers differ from PyTorch's";
  const told = `${count(cases, "case")} of ${name}; the largest difference is ${maxError.toExponential(2)}.`;
  say(`${title}. ${told}`);
  const items = rows
    .slice(0, MOST_ROWS)
    .map((row) =>
      h(
        "li",
        {},
        h("span", { class: "name" }, `${row.passed ? "✓" : "✗"} ${row.case} · ${row.output}`),
        h("span", { class: "quiet" }, row.difference),
      ),
    );
  const allowed = `Allowed: a mean error of ${tolerance.mae}, a cosine similarity of ${tolerance.cosineSimilarity}.`;
  return h(
    "div",
    { class: passed ? "verdict good" : "verdict bad" },
    h("strong", {}, title),
    h("p", {}, told),
    h("ul", { class: "cases" }, ...items),
    h("p", { class: "quiet" }, allowed),
  );
}
