import type { LoadTiming, Timing } from "@oxidizedvision/runtime/bare";

import { h } from "./dom.ts";
import { runChart } from "./run_chart.ts";
import { median, quantile } from "./statistics.ts";
import { bytes, milliseconds } from "./words.ts";

/** What was measured since the model was loaded. */
export interface Measured {
  load: LoadTiming;
  /** The very first result, as the user waits for it. */
  first: Run | undefined;
  /** Runs on the picture that is shown. */
  runs: Run[];
  memory: number | undefined;
  /** Where it ran. */
  engine: string;
}

export interface Run extends Timing {
  totalMs: number;
}

const PHASES: { key: keyof Timing; label: string }[] = [
  { key: "decodeMs", label: "decode" },
  { key: "preprocessMs", label: "prepare" },
  { key: "runMs", label: "model" },
  { key: "postprocessMs", label: "read out" },
];

export function timingView(measured: Measured, again: HTMLElement | null): HTMLElement[] {
  const { load, first, runs, memory, engine } = measured;
  const whole = load.fetchMs + load.instantiateMs + load.loadMs;
  const later = runs.filter((run) => run !== first).map(({ totalMs }) => totalMs);
  const told: [string, string, string][] = [
    [
      "Load",
      milliseconds(whole),
      `fetch ${milliseconds(load.fetchMs)}, module ${milliseconds(load.instantiateMs)}, model ${milliseconds(load.loadMs)}`,
    ],
    ["First", first ? milliseconds(first.totalMs) : "–", "the first result, warm-up included"],
    [
      "Median",
      later.length > 0 ? milliseconds(median(later)) : "–",
      "of the runs on this picture after that",
    ],
    [
      "p95",
      later.length > 0 ? milliseconds(quantile(later, 0.95)) : "–",
      "19 of 20 runs are quicker",
    ],
  ];
  const stats = told.map(([name, value, note]) =>
    h("div", { title: note }, h("dt", {}, name), h("dd", {}, value)),
  );
  const where = [engine, memory === undefined ? null : `${bytes(memory)} of memory`]
    .filter(Boolean)
    .join(" · ");
  const last = runs.at(-1);
  return [
    h("dl", { class: "stats" }, ...stats),
    ...(runs.length > 0 ? [runChart(runs, later)] : []),
    ...(last ? [phases(last)] : []),
    h("div", { class: "timing-row" }, h("p", { class: "quiet" }, where), again),
  ];
}

/** Where the time of one run went. */
function phases(run: Run): HTMLElement {
  const known = PHASES.map(({ key, label }, at) => ({ label, at, value: run[key] }));
  const inside = known.reduce((sum, { value }) => sum + value, 0);
  const all = [
    ...known,
    { label: "to and fro", at: PHASES.length, value: Math.max(0, run.totalMs - inside) },
  ].filter(({ value }) => value > 0);
  const parts = all.map(({ value, at }) => {
    const part = h("span", { class: `phase-${at}` });
    part.style.flexGrow = String(value);
    return part;
  });
  const names = all.map(({ label, value, at }) =>
    h("li", {}, h("span", { class: `mark phase-${at}` }), `${label} ${milliseconds(value)}`),
  );
  return h(
    "div",
    { class: "last-run" },
    h("div", { class: "phases" }, ...parts),
    h("ul", { class: "found small" }, ...names),
  );
}
