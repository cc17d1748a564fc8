import type { TensorSpec } from "@oxidizedvision/runtime/bare";

import {
  type Activation,
  BOXES,
  type DetectionForm,
  type Kind,
  type Postprocess,
  type Preprocess,
} from "./contract.ts";
import { h } from "./dom.ts";
import { choice, field, share, valueIn, whole, wide } from "./fields.ts";

const SCORES: Record<string, string> = {
  softmax: "Softmax",
  sigmoid: "Sigmoid",
  none: "As they are",
};
const MASKS: Record<string, string> = { sigmoid: "Sigmoid", none: "As they are" };
const AS_TOLD = "as-told";

/** The fields of one kind of output. */
export function outputFields(output: Postprocess, outputs: readonly TensorSpec[]): HTMLElement[] {
  switch (output.kind) {
    case "classification":
      return [
        field("Scores", choice("activation", SCORES, output.activation ?? "softmax")),
        field("Show the best", whole("top_k", output.top_k ?? 5, 1000)),
        labelsField(output.labels),
      ];
    case "segmentation":
      return [
        field("Values", choice("activation", MASKS, output.activation ?? "sigmoid")),
        field(
          "Threshold",
          share("threshold", output.threshold ?? 0.5),
          "For a mask of one channel",
        ),
        labelsField(output.labels),
      ];
    case "detection":
      return [
        wide(
          "Form of the boxes",
          choice("boxes", boxOptions(output, outputs), boxPreset(output, outputs)),
        ),
        field("Least score", share("score_threshold", output.score_threshold ?? 0.25)),
        overlapField(output.iou_threshold),
        labelsField(output.labels),
      ];
    case "image":
      return [
        h(
          "p",
          { class: "quiet" },
          "The values come back as they went in: same scale, mean and std.",
        ),
      ];
    case "raw":
      return [h("p", { class: "quiet" }, "The tensors are shown as they come out.")];
  }
}

function overlapField(threshold: number | null | undefined): HTMLElement {
  const input = share("iou_threshold", threshold === undefined ? 0.5 : threshold);
  input.required = false;
  return field("Most overlap", input, "Empty: all boxes stay");
}

function labelsField(labels: string[] | null | undefined): HTMLElement {
  const area = h("textarea", {
    name: "labels",
    rows: 3,
    value: (labels ?? []).join("\n"),
    spellcheck: false,
  });
  return wide("Names of the classes", area, "One a line, in order; may stay empty");
}

function boxOptions(output: DetectionForm, outputs: readonly TensorSpec[]): Record<string, string> {
  const options = Object.fromEntries(Object.entries(BOXES).map(([key, { label }]) => [key, label]));
  return boxPreset(output, outputs) === AS_TOLD
    ? { [AS_TOLD]: "As the file says", ...options }
    : options;
}

const FORM_KEYS = [
  "predictions",
  "boxes",
  "scores",
  "classes",
  "attributes",
  "box_axis",
  "box_format",
  "normalized",
  "activation",
  "background",
] as const;
const FORM_DEFAULTS: DetectionForm = {
  predictions: null,
  boxes: null,
  scores: null,
  classes: null,
  attributes: "scores",
  box_axis: 1,
  box_format: "xyxy",
  normalized: false,
  activation: "none",
  background: null,
};

function boxPreset(output: DetectionForm, outputs: readonly TensorSpec[]): string {
  const names = outputs.map(({ name }) => name);
  const same = (a: DetectionForm, b: DetectionForm) =>
    FORM_KEYS.every((key) => (a[key] ?? FORM_DEFAULTS[key]) === (b[key] ?? FORM_DEFAULTS[key]));
  const found = Object.entries(BOXES).find(([, { form }]) => same(form(names), output));
  return found?.[0] ?? AS_TOLD;
}

/** What the fields say of the output. */
export function readOutput(
  form: HTMLFormElement,
  preprocess: Preprocess,
  outputs: readonly TensorSpec[],
  said: Postprocess | null,
): Postprocess {
  const kind = valueIn(form, "kind") as Kind;
  // What the fields do not show stays as the file says it.
  const kept = said?.kind === kind ? said : {};
  const labels = readLabels(form);
  const activation = valueIn(form, "activation") as Activation;
  switch (kind) {
    case "classification":
      return { ...kept, kind, labels, activation, top_k: Number(valueIn(form, "top_k")) };
    case "segmentation":
      return {
        ...kept,
        kind,
        labels,
        activation,
        threshold: Number(valueIn(form, "threshold")),
        layout: preprocess.layout ?? "nchw",
      };
    case "detection":
      return { ...kept, kind, labels, ...readBoxes(form, outputs) };
    case "image": {
      const { color = "rgb", layout = "nchw", scale = 1 / 255, mean = [0], std = [1] } = preprocess;
      return { kind, color, layout, scale, mean, std, ...kept };
    }
    case "raw":
      return { kind };
  }
}

function readLabels(form: HTMLFormElement): string[] | null {
  const lines = valueIn(form, "labels")
    .split(/\r?\n/)
    .map((line) => line.trim());
  const named = lines.filter((line) => line !== "");
  return named.length > 0 ? named : null;
}

function readBoxes(form: HTMLFormElement, outputs: readonly TensorSpec[]) {
  const overlap = valueIn(form, "iou_threshold");
  const thresholds = {
    score_threshold: Number(valueIn(form, "score_threshold")),
    iou_threshold: overlap === "" ? null : Number(overlap),
  };
  const preset = BOXES[valueIn(form, "boxes")];
  if (!preset) return thresholds;
  return { ...FORM_DEFAULTS, ...preset.form(outputs.map(({ name }) => name)), ...thresholds };
}
