import { h } from "./dom.ts";

const PICTURES = "image/jpeg,image/png,image/webp,image/bmp,image/*";

/** A large place for a file: chosen by click or keyboard, or dropped. */
export function filePlace(
  title: string,
  note: string,
  accept: "model" | "picture",
  chosen: (file: File) => void,
): HTMLElement {
  const input = h("input", {
    type: "file",
    class: "unseen",
    id: `choose-${accept}`,
    accept: accept === "model" ? ".onnx,.safetensors" : PICTURES,
  });
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    // The same file may be chosen again.
    input.value = "";
    if (file) chosen(file);
  });
  const label = h(
    "label",
    { class: "drop", htmlFor: input.id },
    h("strong", {}, title),
    h("span", {}, note),
  );
  return h("div", { class: "choose" }, input, label);
}

export type FileKind = "model" | "goldens" | "picture";

export function kindOf(file: File): FileKind {
  if (/\.safetensors$/i.test(file.name)) return "goldens";
  if (file.type.startsWith("image/") || /\.(jpe?g|png|webp|bmp|gif|avif)$/i.test(file.name))
    return "picture";
  return "model";
}

/** Files that are dropped anywhere on the page, or pasted. */
export function hearFiles(heard: (files: File[]) => void): void {
  const { documentElement: page } = document;
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  let inside = 0;
  const over = (change: number) => {
    inside = Math.max(0, inside + change);
    page.classList.toggle("dragged", inside > 0);
  };
  window.addEventListener("dragenter", (event) => carriesFiles(event) && over(1));
  window.addEventListener("dragleave", (event) => carriesFiles(event) && over(-1));
  window.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(-inside);
    heard([...(event.dataTransfer?.files ?? [])]);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    heard(files);
  });
}

/** A picture out of the clipboard, where the browser lets a page read it. */
export async function pasted(): Promise<File> {
  const items = await navigator.clipboard.read().catch(() => {
    throw clipboardError(
      "The browser does not give this page the clipboard",
      "Press Ctrl+V on the page instead.",
    );
  });
  for (const item of items) {
    const type = item.types.find((known) => known.startsWith("image/"));
    if (type) return new File([await item.getType(type)], "pasted picture", { type });
  }
  throw clipboardError("There is no picture in the clipboard", "Copy a picture first.");
}

function clipboardError(message: string, hint: string): Error {
  return Object.assign(new Error(message), { kind: "input", hint });
}
