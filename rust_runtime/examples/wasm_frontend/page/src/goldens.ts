import type { GoldenCheck } from "@oxidizedvision/runtime";

import { h, say } from "./dom.ts";
import { count } from "./words.ts";

/** Whether the model answers here as PyTorch did when it was converted. */
export function goldensView(check: GoldenCheck, name: string): HTMLElement {
  const title = check.passed
    ? "The answers agree with PyTorch's"
    : "The answers differ from PyTorch's";
  const told = `${count(check.cases, "case")} of ${name}; the largest difference is ${check.maxError.toExponential(2)}.`;
  say(`${title}. ${told}`);
  return h(
    "div",
    { class: check.passed ? "verdict good" : "verdict bad" },
    h("strong", {}, title),
    h("p", {}, told),
  );
}
