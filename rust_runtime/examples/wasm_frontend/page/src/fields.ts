import { h } from "./dom.ts";

let made = 0;

/** A label above its control, with room for a hint below. */
export function field(label: string, control: HTMLElement, hint?: string): HTMLElement {
  made += 1;
  control.id ||= `field-${made}`;
  const note = hint ? h("small", { id: `${control.id}-hint` }, hint) : undefined;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { htmlFor: control.id }, label), control, note);
}

/** A field that takes a row of its own. */
export function wide(label: string, control: HTMLElement, hint?: string): HTMLElement {
  const made = field(label, control, hint);
  made.classList.add("wide");
  return made;
}

export function choice(
  name: string,
  options: Record<string, string>,
  chosen: string,
): HTMLSelectElement {
  const select = h(
    "select",
    { name },
    ...Object.entries(options).map(([value, label]) => h("option", { value }, label)),
  );
  select.value = chosen;
  return select;
}

export function whole(name: string, value: number | undefined, most = 16_384): HTMLInputElement {
  const input = h("input", {
    name,
    type: "number",
    min: "1",
    max: String(most),
    step: "1",
    required: true,
  });
  input.inputMode = "numeric";
  if (value !== undefined) input.value = String(value);
  return input;
}

export function share(name: string, value: number | null): HTMLInputElement {
  return h("input", {
    name,
    type: "number",
    min: "0",
    max: "1",
    step: "any",
    required: value !== null,
    value: value === null ? "" : String(value),
  });
}

export function text(name: string, value: string): HTMLInputElement {
  return h("input", {
    name,
    type: "text",
    value,
    required: true,
    autocomplete: "off",
    spellcheck: false,
  });
}

/** Numbers with commas or spaces between; says on the field what is wrong with them. */
export function readNumbers(input: HTMLInputElement, lengths: number[]): number[] {
  const words = input.value.split(/[\s,;]+/).filter((word) => word !== "");
  const numbers = words.map(readNumber);
  const fits = lengths.includes(numbers.length) && numbers.every(Number.isFinite);
  const expected = [...new Set(lengths)].map(String).join(" or ");
  input.setCustomValidity(fits ? "" : `Give ${expected} numbers, with commas between`);
  return numbers;
}

/** A number, or a division such as 1/255. */
export function readNumber(word: string): number {
  const [above, below, ...more] = word
    .split("/")
    .map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (more.length > 0 || above === undefined) return NaN;
  return below === undefined ? above : above / below;
}

export function writeScale(scale: number): string {
  const below = 1 / scale;
  return scale !== 1 && Math.abs(below - Math.round(below)) < 1e-9
    ? `1/${Math.round(below)}`
    : String(scale);
}

export function valueIn(form: HTMLFormElement, name: string): string {
  const found = form.elements.namedItem(name);
  return found instanceof HTMLInputElement ||
    found instanceof HTMLSelectElement ||
    found instanceof HTMLTextAreaElement
    ? found.value
    : "";
}
