import type { Engine } from "@oxidizedvision/runtime/bare";

import type { Contract } from "./contract.ts";
import { KINDS, presetOf, VALUES } from "./contract.ts";
import { button, h } from "./dom.ts";
import { filePlace } from "./inputs.ts";
import type { Session } from "./session.ts";
import type { Bundle } from "./site.ts";
import { bytes, dimensions, milliseconds } from "./words.ts";

/** Where no model is loaded yet. */
export function emptyModel(
  bundle: Bundle | undefined,
  chosen: (file: File) => void,
  sample: () => void,
): HTMLElement[] {
  const place = filePlace("Choose an .onnx file", "or drop it here", "model", chosen);
  if (!bundle) return [place];
  const offer = button(`Try the sample: ${bundle.title}`, sample);
  return [place, offer];
}

/** What the loaded model is. */
export function loadedModel(
  session: Session,
  another: ((file: File) => void) | undefined,
): HTMLElement[] {
  const { model, opening } = session;
  const { info } = model;
  const size = opening.bytes === undefined ? [] : [bytes(opening.bytes)];
  const facts = [...size, `loaded in ${milliseconds(model.loadTiming.loadMs)}`];
  const name = h("strong", { class: "model-name" }, info.model || opening.name);
  void model.sha256().then((sum) => name.setAttribute("title", `SHA-256 ${sum}`));
  const head = h(
    "div",
    { class: "loaded" },
    h("div", { class: "grow" }, name, h("p", { class: "quiet" }, facts.join(" · "))),
  );
  if (another) head.append(anotherButton(another));
  return [head, specs(session)];
}

function anotherButton(another: (file: File) => void): HTMLElement {
  const place = filePlace("Another model", "", "model", another);
  place.classList.add("small");
  return place;
}

function specs({ model: { info }, contract }: Session): HTMLElement {
  const rows = [
    ...info.inputs.map((spec) => ["In", spec] as const),
    ...info.outputs.map((spec) => ["Out", spec] as const),
  ].map(([way, spec]) =>
    h(
      "div",
      {},
      h("dt", {}, way),
      h(
        "dd",
        {},
        h("code", {}, spec.name),
        h("span", {}, ` ${spec.dtype} · ${dimensions(spec.dims)}`),
      ),
    ),
  );
  const said = contract
    ? h("div", {}, h("dt", {}, "Picture"), h("dd", {}, contractSaid(contract)))
    : null;
  return h("dl", { class: "specs" }, ...rows, said);
}

/** The contract in a line. */
export function contractSaid({ preprocess, postprocess }: Contract): string {
  const { resize, color = "rgb" } = preprocess ?? {};
  const size = resize
    ? `${resize.mode ?? "stretch"} to ${resize.width} × ${resize.height}`
    : "its own size";
  const preset = presetOf(preprocess ?? {});
  const values = preset === "own" ? "own numbers" : VALUES[preset as keyof typeof VALUES].label;
  const kind = KINDS[postprocess?.kind ?? "raw"].toLowerCase();
  return `${color.toUpperCase()}, ${size}, ${values} → ${kind}`;
}

const ENGINE_NOTES = {
  auto: "measures both on this model and keeps the faster",
  rten: "small and quick to load",
  tract: "larger, sometimes faster",
} satisfies Record<Engine | "auto", string>;

/** The choice among the engines whose modules stand beside the page. */
export function engineChoice(
  engines: Engine[],
  chosen: Engine | "auto",
  change: (engine: Engine | "auto") => void,
): HTMLElement {
  const offered: (Engine | "auto")[] = engines.length > 1 ? ["auto", ...engines] : engines;
  const options = offered.map((engine) => {
    const input = h("input", {
      type: "radio",
      name: "engine",
      value: engine,
      id: `engine-${engine}`,
      checked: engine === chosen,
    });
    input.addEventListener("change", () => change(engine));
    return h(
      "label",
      { htmlFor: input.id, title: ENGINE_NOTES[engine] },
      input,
      h("span", {}, engine),
    );
  });
  return h(
    "fieldset",
    { class: "engines" },
    h("legend", {}, "Engine"),
    h("div", { class: "segments" }, ...options),
  );
}

/** Which engine runs the model, and why. */
export function choiceSaid({ model, opening }: Session): HTMLElement | null {
  if (opening.engine !== "auto" || !model.choice) return null;
  return h("p", { class: "quiet", id: "choice" }, model.choice.why);
}
