import type { Progress } from "@oxidizedvision/runtime/bare";

import { button, h } from "./dom.ts";
import { bytes, seconds } from "./words.ts";

const PHASES: Record<Progress["phase"], string> = {
  module: "Fetching the engine",
  model: "Reading the model",
  compile: "Starting the engine",
  load: "Loading the model",
  trial: "Trying which engine is faster",
};

export interface Working {
  view: HTMLElement;
  progress: (progress: Progress) => void;
  tell: (text: string, share?: number) => void;
  stop: () => void;
}

/** A bar for work that takes a while, with its time and a way to stop it. */
export function working(what: string, cancel: () => void, label = "Cancel"): Working {
  const bar = h("progress", { max: 1, aria: { label: what } });
  const words = h("span", {}, what);
  const clock = h("span", { class: "quiet clock" });
  const started = performance.now();
  const tick = setInterval(() => {
    clock.textContent = seconds(performance.now() - started);
  }, 100);
  const tell = (text: string, share?: number) => {
    words.textContent = text;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = share;
  };
  const progress = ({ phase, loaded, total }: Progress) => {
    const fetched = phase === "module" || phase === "model";
    const amount = fetched && loaded > 0 ? `, ${bytes(loaded)}` : "";
    tell(`${PHASES[phase]}${amount}`, fetched && total ? loaded / total : undefined);
  };
  const view = h(
    "div",
    { class: "working" },
    h("div", { class: "row" }, words, clock, button(label, cancel, { class: "end" })),
    bar,
  );
  return { view, progress, tell, stop: () => clearInterval(tick) };
}
