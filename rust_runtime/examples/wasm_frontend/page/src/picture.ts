import type { Pixels } from "@oxidizedvision/runtime/bare";

/** What is given to the model, and how it is shown. */
export interface Picture {
  name: string;
  /** What the model gets: the file as it is where the module can decode it. */
  given: Blob | Pixels;
  /** An address to show it by; released when the next picture comes. */
  url: string;
  width: number;
  height: number;
  bytes: number;
}

/** Limits of the decoder in the module, told before anything is read. */
export const MOST_SIDE = 16_384;
export const MOST_PIXELS = 178_000_000;
const MOST_BYTES = 512_000_000;

class PictureError extends Error {
  readonly kind = "input";
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

const DECODED_IN_MODULE = ["image/png", "image/jpeg", "image/webp", "image/bmp"];

/** A picture from a file; formats that only the browser knows are decoded by it. */
export async function pictureFrom(file: Blob, name: string): Promise<Picture> {
  if (file.size > MOST_BYTES) {
    throw new PictureError(
      `${name} has ${Math.round(file.size / 1e6)} MB`,
      `The most is ${MOST_BYTES / 1e6} MB.`,
    );
  }
  const url = URL.createObjectURL(file);
  try {
    const { width, height } = await sizeOf(url, name);
    checkSize(width, height, name);
    const given = DECODED_IN_MODULE.includes(await formatOf(file))
      ? file
      : await pixelsOf(file, width, height);
    return { name, given, url, width, height, bytes: file.size };
  } catch (error) {
    URL.revokeObjectURL(url);
    throw error;
  }
}

function checkSize(width: number, height: number, name: string): void {
  if (Math.max(width, height) <= MOST_SIDE && width * height <= MOST_PIXELS) return;
  throw new PictureError(
    `${name} has ${width} × ${height} pixels, which is too large`,
    `The most is ${MOST_SIDE} pixels to a side and ${MOST_PIXELS / 1e6} megapixels in all. Make it smaller first.`,
  );
}

async function sizeOf(url: string, name: string): Promise<{ width: number; height: number }> {
  const image = new Image();
  image.src = url;
  try {
    await loaded(image);
  } catch {
    throw new PictureError(
      `${name} is not a picture that this browser can read`,
      "Use a JPEG, PNG, WebP or BMP file that opens in other programs.",
    );
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}

// `decode` refuses pictures that are too large to be painted whole, though their size is known.
function loaded(image: HTMLImageElement): Promise<void> {
  return new Promise((done, failed) => {
    image.onload = () => done();
    image.onerror = () => failed(new Error("not decoded"));
  });
}

async function formatOf(file: Blob): Promise<string> {
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (text.startsWith("\x89PNG")) return "image/png";
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (text.startsWith("RIFF") && text.slice(8) === "WEBP") return "image/webp";
  return text.startsWith("BM") ? "image/bmp" : file.type;
}

async function pixelsOf(file: Blob, width: number, height: number): Promise<Pixels> {
  const bitmap = await createImageBitmap(file, { resizeWidth: width, resizeHeight: height });
  return pixelsFrom(bitmap, width, height);
}

/** The pixels of anything that can be painted. */
export function pixelsFrom(source: CanvasImageSource, width: number, height: number): Pixels {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context)
    throw new PictureError(
      "The browser gives no canvas for this picture",
      "Make the picture smaller.",
    );
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The same picture with fewer pixels. */
export async function shrunk(picture: Picture, pixels: number): Promise<Picture> {
  const factor = Math.sqrt(pixels / (picture.width * picture.height));
  const width = Math.max(1, Math.floor(picture.width * factor));
  const height = Math.max(1, Math.floor(picture.height * factor));
  const file = await (await fetch(picture.url)).blob();
  const bitmap = await createImageBitmap(file, {
    resizeWidth: width,
    resizeHeight: height,
    resizeQuality: "high",
  });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  return pictureFrom(await canvas.convertToBlob({ type: "image/png" }), `${picture.name}, smaller`);
}

export function release(picture: Picture | undefined): void {
  if (picture) URL.revokeObjectURL(picture.url);
}
