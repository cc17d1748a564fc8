import { h } from "../dom.ts";

/** A picture as the results show it. */
export interface Source {
  /** A new element that shows it. */
  show: () => HTMLElement;
  width: number;
  height: number;
  name: string;
}

const MOST_SHOWN = 16_000_000;

/** The picture with what lies over it, both of the same size. */
export function stage(source: Source, ...over: (Element | null)[]): HTMLElement {
  const shown = source.show();
  const made = h("div", { class: "stage" }, shown, ...over);
  made.style.setProperty("--ratio", String(source.width / source.height));
  return made;
}

/** Pixels on a canvas; of very many only as many as a screen can use. */
export function canvasOf(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
): HTMLCanvasElement {
  const step = Math.ceil(Math.sqrt((width * height) / MOST_SHOWN));
  const [columns, rows] = [Math.ceil(width / step), Math.ceil(height / step)];
  const canvas = h("canvas", { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  if (step === 1) image.data.set(rgba);
  else thin(rgba, width, step, image);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}

function thin(rgba: Uint8ClampedArray, width: number, step: number, image: ImageData): void {
  const from = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
  const to = new Uint32Array(image.data.buffer);
  for (let row = 0; row < image.height; row += 1) {
    for (let column = 0; column < image.width; column += 1) {
      to[row * image.width + column] = from[row * step * width + column * step] ?? 0;
    }
  }
}

/** A slider with its name before it. */
export function slider(label: string, value: number, change: (value: number) => void): HTMLElement {
  const input = h("input", { type: "range", min: "0", max: "100", value: String(value) });
  input.addEventListener("input", () => change(Number(input.value)));
  change(value);
  return h("label", { class: "slider" }, h("span", {}, label), input);
}

/** Colours that are told apart on photographs, in both schemes. */
const COLORS: [number, number, number][] = [
  [242, 95, 58],
  [36, 161, 222],
  [82, 190, 100],
  [245, 190, 50],
  [168, 100, 220],
  [30, 190, 180],
  [235, 80, 150],
  [150, 200, 40],
  [95, 110, 235],
  [200, 140, 90],
];

export function colorOf(
  id: number,
  own?: [number, number, number][] | null,
): [number, number, number] {
  return own?.[id] ?? COLORS[id % COLORS.length] ?? [0, 0, 0];
}

export const css = (color: readonly number[]) => `rgb(${color.join(" ")})`;

export function mark(color: readonly number[]): HTMLElement {
  const made = h("span", { class: "mark" });
  made.style.background = css(color);
  return made;
}

/** Gives the user a file. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function saveJson(value: unknown, name: string): void {
  save(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }), name);
}

/** A file's name without its ending. */
export const stem = (name: string) => name.replace(/\.[^.]+$/, "");
