import { button, h } from "./dom.ts";
import { filePlace } from "./inputs.ts";
import type { Picture } from "./picture.ts";
import type { Bundle } from "./site.ts";
import { bytes } from "./words.ts";

interface Heard {
  chosen: (file: File) => void;
  camera: () => void;
  paste: () => void;
  sample: (sample: Bundle["samples"][number]) => void;
}

/** Where a picture comes from. */
export function pictureSources(
  picture: Picture | undefined,
  samples: Bundle["samples"],
  heard: Heard,
): HTMLElement[] {
  const place = picture
    ? filePlace("Another picture", "choose or drop", "picture", heard.chosen)
    : filePlace("Choose a picture", "or drop it here", "picture", heard.chosen);
  if (picture) place.classList.add("slim");
  const ways = h(
    "div",
    { class: "row" },
    button("Camera", heard.camera, { id: "camera", disabled: !navigator.mediaDevices }),
    button("Paste", heard.paste, { id: "paste", disabled: !navigator.clipboard }),
  );
  return [
    ...(picture ? [pictureHead(picture)] : []),
    place,
    ways,
    ...sampleRow(samples, heard.sample),
  ];
}

function pictureHead({ name, url, width, height, bytes: size }: Picture): HTMLElement {
  const told = [`${width} × ${height}`, ...(size > 0 ? [bytes(size)] : [])].join(" · ");
  return h(
    "div",
    { class: "loaded" },
    h("img", { class: "thumbnail", src: url, alt: "" }),
    h(
      "div",
      { class: "grow" },
      h("strong", { class: "model-name" }, name),
      h("p", { class: "quiet" }, told),
    ),
  );
}

function sampleRow(samples: Bundle["samples"], chosen: Heard["sample"]): HTMLElement[] {
  if (samples.length === 0) return [];
  const items = samples.map((sample) => {
    const image = h("img", {
      src: sample.address.href,
      alt: "",
      loading: "lazy",
      width: 72,
      height: 72,
    });
    const choose = h(
      "button",
      { type: "button", class: "sample", on: { click: () => chosen(sample) } },
      image,
      h("span", {}, sample.title),
    );
    return h("li", {}, choose);
  });
  return [h("ul", { class: "samples", aria: { label: "Sample pictures" } }, ...items)];
}
