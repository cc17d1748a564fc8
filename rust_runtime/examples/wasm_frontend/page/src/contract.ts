import type { TensorSpec } from "@oxidizedvision/runtime/bare";

/** The picture contract as a model's metadata and `config.yml` hold it. */
export interface Contract {
  preprocess: Preprocess | null;
  postprocess: Postprocess | null;
}

export type Color = "rgb" | "bgr" | "gray";
export type Layout = "nchw" | "nhwc";
export type Activation = "none" | "sigmoid" | "softmax";
export type ResizeMode = "stretch" | "fit" | "center-crop";

export interface Resize {
  width: number;
  height: number;
  mode?: ResizeMode;
  filter?: string;
  antialias?: boolean;
  pad?: number;
  shorter_side?: number | null;
}

export interface Values {
  scale?: number;
  mean?: number[];
  std?: number[];
}

export interface Preprocess extends Values {
  color?: Color;
  resize?: Resize | null;
  layout?: Layout;
}

export type Postprocess =
  | ({ kind: "image"; color?: Color; layout?: Layout } & Values)
  | { kind: "classification"; labels?: string[] | null; top_k?: number; activation?: Activation }
  | {
      kind: "segmentation";
      labels?: string[] | null;
      colors?: number[][] | null;
      threshold?: number;
      activation?: Activation;
      layout?: Layout;
    }
  | ({ kind: "detection"; labels?: string[] | null } & DetectionForm & Thresholds)
  | { kind: "raw" };

export type Kind = Postprocess["kind"];

export interface Thresholds {
  score_threshold?: number;
  iou_threshold?: number | null;
  max_detections?: number;
}

/** How a network lays out its boxes. */
export interface DetectionForm {
  predictions?: string | null;
  boxes?: string | null;
  scores?: string | null;
  classes?: string | null;
  attributes?: "scores" | "objectness-scores" | "score-class";
  box_axis?: number;
  box_format?: "xyxy" | "xywh" | "cxcywh";
  normalized?: boolean;
  activation?: Activation;
  background?: number | null;
}

/** Where a picture goes in: its layout, and its sides where the model fixes them. */
export interface PictureInput {
  name: string;
  layout: Layout;
  channels: number;
  height: number | undefined;
  width: number | undefined;
  dims: (number | string)[];
}

const EXPECTED_CHANNELS = [1, 3];
const SIDE_WHERE_NONE_IS_TOLD = 640;

/** The input that takes a picture, where the model has exactly one input and it can be one. */
export function pictureInput(inputs: readonly TensorSpec[]): PictureInput | undefined {
  const [only] = inputs;
  if (!only || inputs.length !== 1 || only.dims.length !== 4 || only.dtype !== "f32")
    return undefined;
  const layout = layoutOf(only.dims);
  if (!layout) return undefined;
  const [channels, height, width] = (layout === "nchw" ? [1, 2, 3] : [3, 1, 2]).map((axis) => {
    const size = only.dims[axis];
    return typeof size === "number" ? size : undefined;
  });
  return { name: only.name, layout, channels: channels ?? 3, height, width, dims: only.dims };
}

function layoutOf(dims: readonly (number | string)[]): Layout | undefined {
  const channels = (axis: number) => EXPECTED_CHANNELS.includes(dims[axis] as number);
  if (channels(1)) return "nchw";
  if (channels(3)) return "nhwc";
  return typeof dims[1] === "string" ? "nchw" : undefined;
}

/** A first proposal for a model that says nothing of its pictures; the user checks it. */
export function proposal(input: PictureInput, outputs: readonly TensorSpec[]): Contract {
  const kind = likelyKind(outputs);
  const resize = likelySize(input, kind);
  const preprocess: Preprocess = {
    color: input.channels === 1 ? "gray" : "rgb",
    resize,
    layout: input.layout,
    ...likelyValues(input, kind),
  };
  return { preprocess, postprocess: likelyOutput(kind, input, outputs) };
}

function likelyKind(outputs: readonly TensorSpec[]): Kind {
  const [first] = outputs;
  if (!first) return "raw";
  const names = outputs.map((output) => output.name.toLowerCase());
  if (names.some((name) => name.includes("box"))) return "detection";
  if (outputs.length > 1) return "raw";
  if (first.dims.length === 2) return "classification";
  if (first.dims.length === 4) return first.dims[1] === 3 ? "image" : "segmentation";
  return first.dims.length === 3 ? "detection" : "raw";
}

function likelySize(input: PictureInput, kind: Kind): Resize | null {
  const { width, height } = input;
  if ((width === undefined || height === undefined) && kind === "image") return null;
  const size = {
    width: width ?? SIDE_WHERE_NONE_IS_TOLD,
    height: height ?? SIDE_WHERE_NONE_IS_TOLD,
  };
  if (kind === "classification") return { ...size, mode: "center-crop" };
  if (kind === "detection") return { ...size, mode: "fit", pad: 114 };
  return { ...size, mode: "stretch" };
}

function likelyValues(input: PictureInput, kind: Kind): Values {
  const imagenet = kind === "classification" && input.channels === 3;
  return imagenet ? VALUES.imagenet.values : VALUES.unit.values;
}

/** What the settings start from when the user chooses another kind of output. */
export function likelyOutput(
  kind: Kind,
  input: PictureInput,
  outputs: readonly TensorSpec[],
): Postprocess {
  switch (kind) {
    case "image":
      return { kind, color: input.channels === 1 ? "gray" : "rgb", layout: input.layout };
    case "classification":
      return { kind, activation: "softmax", top_k: 5 };
    case "segmentation":
      return { kind, activation: "sigmoid", threshold: 0.5 };
    case "detection":
      return { kind, ...likelyBoxes(outputs), score_threshold: 0.25, iou_threshold: 0.5 };
    case "raw":
      return { kind };
  }
}

/** One form of boxes in the list that the settings offer. */
export interface BoxPreset {
  label: string;
  form: (names: string[]) => DetectionForm;
}

const named = (names: string[], word: string) =>
  names.find((name) => name.toLowerCase().includes(word)) ?? null;

export const BOXES: Record<string, BoxPreset> = {
  yolov8: {
    label: "YOLOv8, YOLO11: [1, 4 + classes, N]",
    form: () => ({ box_axis: 2, box_format: "cxcywh" }),
  },
  yolov5: {
    label: "YOLOv5, YOLOv7: [1, N, 5 + classes]",
    form: () => ({ attributes: "objectness-scores", box_format: "cxcywh" }),
  },
  yolov10: {
    label: "YOLOv10: [1, N, box, score, class]",
    form: () => ({ attributes: "score-class" }),
  },
  torchvision: {
    label: "torchvision: boxes, scores, labels",
    form: (names) => ({
      boxes: named(names, "box") ?? names[0] ?? null,
      scores: named(names, "score") ?? names[1] ?? null,
      classes: named(names, "label") ?? named(names, "class") ?? names[2] ?? null,
    }),
  },
  pairs: {
    label: "Boxes [1, N, 4] and scores [1, N, classes]",
    form: (names) => ({
      boxes: named(names, "box") ?? names[0] ?? null,
      scores: named(names, "score") ?? named(names, "logit") ?? names[1] ?? null,
    }),
  },
  detr: {
    label: "DETR: boxes of 0 to 1 and logits",
    form: (names) => ({
      boxes: named(names, "box") ?? names[1] ?? null,
      scores: named(names, "logit") ?? names[0] ?? null,
      box_format: "cxcywh",
      normalized: true,
      activation: "softmax",
    }),
  },
};

function likelyBoxes(outputs: readonly TensorSpec[]): DetectionForm {
  const names = outputs.map((output) => output.name);
  const [first] = outputs;
  if (names.length === 2) return BOXES.pairs?.form(names) ?? {};
  if (names.length === 3) return BOXES.torchvision?.form(names) ?? {};
  const [, rows, columns] = first?.dims ?? [];
  const lying = typeof rows === "number" && (typeof columns !== "number" || rows < columns);
  if (columns === 6) return BOXES.yolov10?.form(names) ?? {};
  return BOXES[lying ? "yolov8" : "yolov5"]?.form(names) ?? {};
}

/** How pixels of 0 to 255 become the numbers that a network was trained on. */
export const VALUES = {
  unit: { label: "0 to 1", values: { scale: 1 / 255, mean: [0], std: [1] } },
  imagenet: {
    label: "ImageNet",
    values: { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
  signed: { label: "−1 to 1", values: { scale: 1 / 255, mean: [0.5], std: [0.5] } },
  bytes: { label: "0 to 255", values: { scale: 1, mean: [0], std: [1] } },
} satisfies Record<string, { label: string; values: Required<Values> }>;

/** The preset that says the same, if one does. */
export function presetOf(values: Values): string {
  const same = (a: readonly number[], b: readonly number[]) =>
    a.every((value, at) => Math.abs(value - (b[at] ?? b[0] ?? NaN)) < 1e-9);
  const { scale = 1 / 255, mean = [0], std = [1] } = values;
  const found = Object.entries(VALUES).find(
    ([, { values: of }]) =>
      Math.abs(of.scale - scale) < 1e-9 &&
      same(of.mean, mean) &&
      same(of.std, std) &&
      of.mean.length >= mean.length,
  );
  return found?.[0] ?? "own";
}

export const KINDS: Record<Kind, string> = {
  classification: "Classes",
  detection: "Boxes",
  segmentation: "Mask",
  image: "Picture",
  raw: "Numbers",
};

/** The sides of a loaded model's input, once a resize fixes what the file leaves open. */
export function fixedShape(
  input: PictureInput,
  resize: Resize | null | undefined,
): number[] | undefined {
  if (!resize || input.dims.every((size) => typeof size === "number")) return undefined;
  const { channels } = input;
  const { width, height } = resize;
  return input.layout === "nchw" ? [1, channels, height, width] : [1, height, width, channels];
}
