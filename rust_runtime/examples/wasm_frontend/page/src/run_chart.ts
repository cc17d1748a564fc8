import { h, svg } from "./dom.ts";
import { median } from "./statistics.ts";
import type { Run } from "./timing_card.ts";
import { milliseconds } from "./words.ts";

const CHART = { width: 320, height: 92, top: 6 };
const MOST_SHOWN = 60;
const LEAST_COLUMNS = 20;
const MOST_MEDIANS = 4;

/** A column for each run, with the median of the later ones as a line. */
export function runChart(runs: Run[], later: number[]): HTMLElement {
  const shown = runs.slice(-MOST_SHOWN);
  const middle = later.length > 0 ? median(later) : undefined;
  const longest = Math.max(...shown.map(({ totalMs }) => totalMs));
  // One run that took far longer than the rest would leave nothing to see of them.
  const most = Math.min(longest, MOST_MEDIANS * (middle ?? longest));
  const { width, height } = CHART;
  const step = width / Math.max(shown.length, LEAST_COLUMNS);
  const first = runs.length - shown.length + 1;
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", class: "chart", preserveAspectRatio: "none" },
    ...shown.flatMap((run, at) => column(run, first + at, at * step, step, most)),
    middle === undefined ? null : middleLine(middle / most),
  );
  const told = middle === undefined ? "" : `, median ${milliseconds(middle)}`;
  drawing.setAttribute("aria-label", `Time of each run, up to ${milliseconds(most)}${told}`);
  const place = h("div", { class: "chart-place" });
  place.append(drawing);
  return h("figure", {}, place, key(middle !== undefined, most));
}

const up = (share: number) => share * (CHART.height - CHART.top);

function column(run: Run, at: number, from: number, step: number, most: number): SVGElement[] {
  const box = { x: from + step * 0.12, width: step * 0.76, rx: Math.min(2, step * 0.2) };
  const bar = (value: number, name: string) => {
    const tall = up(Math.min(1, value / most));
    return svg(
      "rect",
      { ...box, y: CHART.height - tall, height: tall, class: name },
      svg("title", {}, `Run ${at}: ${milliseconds(run.totalMs)}`),
    );
  };
  return [bar(run.totalMs, "whole"), bar(run.runMs, "run")];
}

function middleLine(share: number): SVGElement {
  const y = CHART.height - up(share);
  return svg("line", { x1: 0, x2: CHART.width, y1: y, y2: y, class: "middle" });
}

function key(withMedian: boolean, most: number): HTMLElement {
  return h(
    "figcaption",
    { class: "keys" },
    h("span", { class: "key-whole" }, "whole"),
    h("span", { class: "key-run" }, "model"),
    withMedian && h("span", { class: "key-middle" }, "median"),
    h("span", { class: "end" }, `up to ${milliseconds(most)}`),
  );
}
