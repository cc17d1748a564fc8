import type { TensorSpec } from "@oxidizedvision/runtime/bare";

import {
  type Color,
  type Contract,
  KINDS,
  type Kind,
  likelyOutput,
  type PictureInput,
  type Preprocess,
  presetOf,
  type Resize,
  type ResizeMode,
  VALUES,
  type Values,
} from "./contract.ts";
import { h, replace } from "./dom.ts";
import {
  choice,
  field,
  readNumber,
  readNumbers,
  text,
  valueIn,
  whole,
  wide,
  writeScale,
} from "./fields.ts";
import { outputFields, readOutput } from "./output_form.ts";

const RESIZES: Record<string, string> = {
  none: "Keep the picture's size",
  stretch: "Stretch to the size",
  fit: "Fit inside, with a border",
  "center-crop": "Fill, cut the rest off",
};
const COLORS: Record<string, string> = { rgb: "RGB", bgr: "BGR (OpenCV)", gray: "Grey" };

export interface Settings {
  form: HTMLFormElement;
  /** What the fields say, or undefined when one of them is wrong (the browser shows which). */
  read: () => Contract | undefined;
}

/** The fields that say how a picture goes into a model and what comes out of it. */
export function settingsForm(
  input: PictureInput,
  outputs: readonly TensorSpec[],
  contract: Contract,
  apply: (contract: Contract) => void,
): Settings {
  const place = h("div", { class: "fields" });
  const form = h(
    "form",
    { class: "settings", aria: { label: "How pictures go in and what comes out" } },
    group("The picture goes in", ...inputFields(input, contract.preprocess ?? {})),
    group("What comes out", kindField(contract), place),
    h(
      "div",
      { class: "row" },
      h("button", { type: "submit", class: "primary" }, "Use these settings"),
    ),
  );
  const read = () => readContract(form, input, outputs, contract);
  const showOutput = (output: Contract["postprocess"]) =>
    replace(place, ...outputFields(output ?? { kind: "raw" }, outputs));
  showOutput(contract.postprocess);
  form.addEventListener("change", (event) =>
    changed(event, form, (kind) => showOutput(likelyOutput(kind, input, outputs))),
  );
  form.addEventListener("input", () => clearComplaints(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = read();
    if (said) apply(said);
  });
  tidy(form);
  return { form, read };
}

function group(title: string, ...children: HTMLElement[]): HTMLElement {
  return h("fieldset", {}, h("legend", {}, title), h("div", { class: "fields" }, ...children));
}

function kindField(contract: Contract): HTMLElement {
  return wide("Kind of output", choice("kind", KINDS, contract.postprocess?.kind ?? "raw"));
}

function inputFields(input: PictureInput, said: Preprocess): HTMLElement[] {
  const { resize } = said;
  const width = whole("width", resize?.width ?? input.width ?? 224);
  const height = whole("height", resize?.height ?? input.height ?? 224);
  // A side that the model fixes can be nothing else.
  width.readOnly = input.width !== undefined;
  height.readOnly = input.height !== undefined;
  const layout = input.layout === "nchw" ? "channels first" : "channels last";
  const shape = `The file says ${input.dims.join(" × ")}, ${layout}`;
  const preset = Object.fromEntries(Object.entries(VALUES).map(([key, { label }]) => [key, label]));
  const scale = text("scale", writeScale(said.scale ?? 1 / 255));
  return [
    wide("Size", choice("resize", RESIZES, resize ? (resize.mode ?? "stretch") : "none"), shape),
    h(
      "div",
      { class: "pair", data: { part: "size" } },
      field("Width", width),
      field("Height", height),
    ),
    field(
      "Colours",
      choice("color", input.channels === 1 ? { gray: "Grey" } : COLORS, said.color ?? "rgb"),
    ),
    field("Values", choice("values", { ...preset, own: "Own numbers" }, presetOf(said))),
    h(
      "div",
      { class: "triple", data: { part: "values" } },
      field("Scale", scale, "(pixel × scale − mean) ÷ std"),
      field("Mean", text("mean", (said.mean ?? [0]).join(", "))),
      field("Std", text("std", (said.std ?? [1]).join(", "))),
    ),
  ];
}

function changed(event: Event, form: HTMLFormElement, another: (kind: Kind) => void): void {
  const { target } = event;
  if (!(target instanceof HTMLSelectElement)) return;
  if (target.name === "kind") another(target.value as Kind);
  const preset = VALUES[target.value as keyof typeof VALUES];
  if (target.name === "values" && preset) write(form, preset.values);
  tidy(form);
}

function write(form: HTMLFormElement, { scale, mean, std }: Required<Values>): void {
  const put = (name: string, value: string) => {
    (form.elements.namedItem(name) as HTMLInputElement).value = value;
  };
  put("scale", writeScale(scale));
  put("mean", mean.join(", "));
  put("std", std.join(", "));
}

/** Shows only the fields that mean something beside what is chosen. */
function tidy(form: HTMLFormElement): void {
  const part = (name: string) => form.querySelector<HTMLElement>(`[data-part="${name}"]`);
  const size = part("size");
  if (size) size.hidden = valueIn(form, "resize") === "none";
  const values = part("values");
  if (values) values.hidden = valueIn(form, "values") !== "own";
}

function clearComplaints(form: HTMLFormElement): void {
  for (const element of form.elements) {
    if (element instanceof HTMLInputElement) element.setCustomValidity("");
  }
}

function readContract(
  form: HTMLFormElement,
  input: PictureInput,
  outputs: readonly TensorSpec[],
  said: Contract,
): Contract | undefined {
  const color = valueIn(form, "color") as Color;
  const values = readValues(form, color === "gray" ? 1 : 3);
  const preprocess: Preprocess = {
    color,
    resize: readResize(form, said.preprocess?.resize),
    layout: input.layout,
    ...values,
  };
  const postprocess = readOutput(form, preprocess, outputs, said.postprocess);
  return form.reportValidity() ? { preprocess, postprocess } : undefined;
}

function readValues(form: HTMLFormElement, channels: number): Required<Values> {
  const control = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
  const scaleField = control("scale");
  const scale = readNumber(scaleField.value);
  const usable = Number.isFinite(scale) && scale !== 0;
  scaleField.setCustomValidity(usable ? "" : "Give a number, such as 1/255");
  const mean = readNumbers(control("mean"), [1, channels]);
  const std = readNumbers(control("std"), [1, channels]);
  if (std.includes(0)) control("std").setCustomValidity("Nothing can be divided by 0");
  return { scale, mean, std };
}

function readResize(form: HTMLFormElement, said: Resize | null | undefined): Resize | null {
  const mode = valueIn(form, "resize");
  if (mode === "none") return null;
  const size = { width: Number(valueIn(form, "width")), height: Number(valueIn(form, "height")) };
  // Filter, border and shorter side stay as they are told while the way of resizing does.
  if (said && (said.mode ?? "stretch") === mode) return { ...said, ...size };
  const resize: Resize = { ...size, mode: mode as ResizeMode };
  return mode === "fit" ? { ...resize, pad: 114 } : resize;
}
