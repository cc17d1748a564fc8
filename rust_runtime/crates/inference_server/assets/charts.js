// Small line charts, drawn as SVG.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [240, 56];

export const LENGTH = 120;

const CHARTS = [
  { title: "Requests per second", lines: ["rate", "refused"], names: ["answered", "refused"] },
  { title: "Queue depth", lines: ["waiting", "inFlight"], names: ["waiting", "in flight"] },
  { title: "Batch size", lines: ["batch"], names: ["rows in a run"] },
  { title: "Latency, ms", lines: ["p50", "p95"], names: ["p50", "p95"] },
];

function node(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** A number in at most four characters or so; a dash where there is none. */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** The `d` of a line that breaks where there is no value. */
export function path(values, most) {
  const step = WIDTH / (LENGTH - 1);
  const first = LENGTH - values.length;
  let drawing = false;
  return values
    .map((value, index) => {
      if (value === null) {
        drawing = false;
        return "";
      }
      const x = ((first + index) * step).toFixed(1);
      const y = (HEIGHT - 3 - (HEIGHT - 6) * (value / most)).toFixed(1);
      // A lone point is drawn by its round cap.
      const command = drawing ? `L${x} ${y}` : `M${x} ${y}h0`;
      drawing = true;
      return command;
    })
    .join("");
}

function card(chart) {
  const root = document.createElement("figure");
  root.className = "chart";
  const caption = document.createElement("figcaption");
  caption.textContent = chart.title;
  const numbers = document.createElement("p");
  numbers.className = "numbers";
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", preserveAspectRatio: "none" });
  svg.append(node("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 3, y2: HEIGHT - 3, class: "ground" }));
  const lines = chart.lines.map((_, index) => node("path", { class: `line line-${index}` }));
  svg.append(...lines);
  const most = document.createElement("span");
  most.className = "most";
  root.append(caption, numbers, svg, most);
  return { ...chart, root, numbers, svg, paths: lines, most };
}

function draw(view, history) {
  const columns = view.lines.map((key) => history.map((point) => point[key] ?? null));
  const most = Math.max(1e-9, ...columns.flat().filter((value) => value !== null));
  columns.forEach((values, index) => view.paths[index].setAttribute("d", path(values, most)));
  const now = columns.map((values) => short(values.at(-1)));
  view.numbers.replaceChildren(
    ...now.map((value, index) => {
      const item = document.createElement("span");
      item.className = `number line-${index}`;
      const strong = document.createElement("strong");
      strong.textContent = value;
      item.append(strong, ` ${view.names[index]}`);
      return item;
    }),
  );
  view.most.textContent = most > 1e-9 ? `most ${short(most)}` : "";
  const words = view.names.map((name, index) => `${name} ${now[index]}`).join(", ");
  view.svg.setAttribute("aria-label", `${view.title}: ${words}; at most ${short(most)}`);
}

/** Puts the charts into an element; gives the function that draws a history of figures. */
export function charts(parent) {
  const views = CHARTS.map(card);
  parent.replaceChildren(...views.map((view) => view.root));
  return (history) => views.forEach((view) => draw(view, history));
}
