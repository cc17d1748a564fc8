// What a model said of a picture, drawn.

import { short } from "./charts.js";

const SVG = "http://www.w3.org/2000/svg";
const COLORS = [
  [230, 25, 75], [60, 180, 75], [0, 130, 200], [245, 130, 48], [145, 30, 180],
  [70, 240, 240], [240, 50, 230], [210, 245, 60], [250, 190, 212], [0, 128, 128],
];
const MOST_NUMBERS = 256;

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const percent = (score) => `${(score * 100).toLocaleString("en", { maximumFractionDigits: 1 })} %`;
const nameOf = ({ label, class_id: id }) => label ?? `class ${id}`;
const colorOf = (id) => `rgb(${COLORS[id % COLORS.length].join(" ")})`;

/** A picture as soon as it is decoded. */
async function picture(url, alt) {
  const image = element("img", "");
  image.alt = alt;
  image.src = url;
  await image.decode();
  return image;
}

function slider(name, value, change) {
  const input = element("input", "slider");
  Object.assign(input, { type: "range", min: 0, max: 100, value });
  input.setAttribute("aria-label", name);
  input.addEventListener("input", () => change(Number(input.value)));
  change(value);
  return input;
}

/** A picture with its slider, as wide as the picture. */
function adjustable(stage, control) {
  return element("div", "adjustable", stage, control);
}

function classes({ classes: list }, original) {
  const bars = list.map((entry) => {
    const bar = element("span", "bar");
    bar.style.inlineSize = `${Math.max(0, Math.min(1, entry.score)) * 100}%`;
    const name = element("span", "name", nameOf(entry));
    return element("li", "", name, element("span", "track", bar), element("span", "score", percent(entry.score)));
  });
  return [element("div", "stage", original), element("ol", "bars", ...bars)];
}

function boxes({ detections, width, height }, original) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "overlay");
  svg.setAttribute("aria-hidden", "true");
  for (const { box, class_id: id } of detections) {
    const [left, top, right, bottom] = box;
    const rect = document.createElementNS(SVG, "rect");
    const place = { x: left, y: top, width: right - left, height: bottom - top, stroke: colorOf(id) };
    for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value);
    svg.append(rect);
  }
  const found = detections.map((entry) => {
    const mark = element("span", "mark");
    mark.style.background = colorOf(entry.class_id);
    return element("li", "", mark, `${nameOf(entry)} ${percent(entry.score)}`);
  });
  const list = found.length > 0
    ? element("ol", "found", ...found)
    : element("p", "quiet", "Nothing was found.");
  return [element("div", "stage", original, svg), list];
}

/** Paints class ids, which grey pixels are, in colours; a mask that has its own keeps them. */
function paint(canvas) {
  const context = canvas.getContext("2d");
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  const { data } = image;
  let grey = true;
  for (let at = 0; grey && at < data.length; at += 4) {
    grey = data[at] === data[at + 1] && data[at] === data[at + 2];
  }
  for (let at = 0; at < data.length; at += 4) {
    const id = data[at];
    const background = grey ? id === 0 || id === 255 : !(data[at] || data[at + 1] || data[at + 2]);
    if (grey && !background) data.set(COLORS[id % COLORS.length], at);
    data[at + 3] = background ? 0 : 255;
  }
  context.putImageData(image, 0, 0);
  return grey;
}

async function mask({ png, classes: list, width, height }, original) {
  const shares = list.map((entry) => {
    const mark = element("span", "mark");
    const share = percent(entry.pixels / (width * height));
    return { ...entry, mark, item: element("li", "", mark, `${nameOf(entry)} ${share}`) };
  });
  const found = element("ol", "found", ...shares.map((entry) => entry.item));
  if (!png) return [element("div", "stage", original), found];
  const canvas = element("canvas", "overlay");
  const drawn = await picture(`data:image/png;base64,${png}`, "");
  Object.assign(canvas, { width: drawn.naturalWidth, height: drawn.naturalHeight });
  canvas.getContext("2d").drawImage(drawn, 0, 0);
  const grey = paint(canvas);
  for (const { class_id: id, mark } of shares) {
    if (grey && id > 0) mark.style.background = colorOf(id);
  }
  const control = slider("How strongly the mask covers the picture", 60, (value) => {
    canvas.style.opacity = value / 100;
  });
  return [adjustable(element("div", "stage", original, canvas), control), found];
}

async function image({ png, width, height }, original) {
  if (!png) return [element("p", "quiet", `A picture of ${width} × ${height} pixels.`)];
  const url = `data:image/png;base64,${png}`;
  const made = await picture(url, "What the model made of the picture");
  made.classList.add("over");
  const stage = element("div", "stage compare", original, made);
  const control = slider("Before and after: where the model's picture begins", 50, (value) => {
    stage.style.setProperty("--cut", `${value}%`);
  });
  const link = element("a", "", `Save the result (${made.naturalWidth} × ${made.naturalHeight})`);
  Object.assign(link, { href: url, download: "result.png" });
  return [adjustable(stage, control), element("p", "", link)];
}

function numbers(answer) {
  const outputs = answer.outputs ?? { output: { output: answer.output, shape: answer.shape } };
  return Object.entries(outputs).flatMap(([name, { output = [], shape = [] }]) => {
    const values = [output].flat(Infinity);
    const shown = values.slice(0, MOST_NUMBERS).map((value) => value ?? "not finite").join(", ");
    const more = values.length > MOST_NUMBERS ? ` … and ${short(values.length - MOST_NUMBERS)} more` : "";
    const title = element("h4", "", `${name} `, element("small", "", shape.join(" × ")));
    return [title, element("pre", "numbers-raw", `${shown}${more}`)];
  });
}

async function meaning(answer, original) {
  const { prediction } = answer;
  switch (prediction?.kind) {
    case "classification": return classes(prediction, original);
    case "detection": return boxes(prediction, original);
    case "segmentation": return mask(prediction, original);
    case "image": return image(prediction, original);
    default: return [element("div", "stage", original), ...numbers(prediction ?? answer)];
  }
}

/** The phases as a bar and a list; `total` is none of them. */
function phases(timing) {
  const parts = timing.filter(({ name }) => name !== "total");
  const whole = parts.reduce((sum, { ms }) => sum + ms, 0) || 1;
  const bar = element("div", "phases");
  bar.setAttribute("aria-hidden", "true");
  const names = parts.map(({ name, ms }, index) => {
    const part = element("span", `phase-${index % 6}`);
    part.style.inlineSize = `${(ms / whole) * 100}%`;
    bar.append(part);
    return element("li", "", element("span", `mark phase-${index % 6}`), `${name} ${short(ms)} ms`);
  });
  if (names.length === 0) return [];
  const total = timing.find(({ name }) => name === "total")?.ms ?? whole;
  const tiles = "Phases overlap: while some tiles are in the engine, others wait or are made.";
  const note = whole > total * 1.05 ? [element("p", "", tiles)] : [];
  return [bar, element("ul", "found", ...names), ...note];
}

function times({ answer, timing, elapsed }) {
  const parts = [`${short(elapsed)} ms to here and back`];
  if (answer.latency_ms !== undefined) parts.push(`${short(answer.latency_ms)} ms in the server`);
  return [element("p", "", `${answer.model ?? ""}: ${parts.join(", ")}`), ...phases(timing)];
}

/** The answer to a picture: what it means, and how long it took. */
export async function drawn(result, url) {
  const original = await picture(url, "The picture that was sent").catch(() => {
    return element("p", "quiet", "The browser cannot show the picture that was sent.");
  });
  const about = element("div", "times", ...times(result));
  return [...(await meaning(result.answer, original)), about];
}
