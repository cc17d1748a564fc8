type Child = Node | string | number | null | undefined | false;
type Properties<E> = Partial<Omit<E, "style" | "dataset" | "classList">> & {
  class?: string;
  aria?: Record<string, string>;
  data?: Record<string, string>;
  on?: Record<string, (event: Event) => void>;
};

/** An element with its properties, attributes, listeners and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  const { class: className, aria, data, on, ...rest } = properties;
  Object.assign(made, rest);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(aria ?? {})) made.setAttribute(`aria-${name}`, value);
  Object.assign(made.dataset, data);
  for (const [name, heard] of Object.entries(on ?? {})) made.addEventListener(name, heard);
  made.append(...shown(children));
  return made;
}

/** The same for the few parts that are drawn as SVG. */
export function svg(
  tag: string,
  attributes: Record<string, string | number>,
  ...children: Child[]
): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...shown(children));
  return made;
}

export function replace(place: Element, ...children: Child[]): void {
  place.replaceChildren(...shown(children));
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

export function button(
  label: string,
  act: () => void,
  properties: Properties<HTMLButtonElement> = {},
): HTMLButtonElement {
  return h("button", { type: "button", ...properties, on: { click: act } }, label);
}

/** Says something to who cannot see it appear. */
export function say(text: string): void {
  byId("live").textContent = text;
}

function shown(children: Child[]): (Node | string)[] {
  return children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "number" ? String(child) : (child as Node | string)));
}
