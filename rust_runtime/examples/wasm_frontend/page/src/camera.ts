import type { Pixels } from "@oxidizedvision/runtime/bare";

import { button, h } from "./dom.ts";
import { pixelsFrom } from "./picture.ts";

export interface Camera {
  view: HTMLElement;
  stop: () => void;
}

interface Heard {
  /** A picture that the user took. */
  taken: (picture: Blob) => void;
  /** A moment of the live picture; resolves when the result is shown. */
  frame: (frame: Pixels) => Promise<void>;
  closed: () => void;
}

const REASONS: Record<string, string> = {
  NotAllowedError:
    "The browser was told not to give this page the camera. Allow it in the address bar.",
  NotFoundError: "No camera was found.",
  NotReadableError: "Another program uses the camera.",
};

/** The camera's picture with what can be done with it. */
export async function openCamera(heard: Heard): Promise<Camera> {
  if (!navigator.mediaDevices) throw cameraError("Cameras need an address that starts with https");
  const stream = await navigator.mediaDevices
    .getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } })
    .catch((error: DOMException) => {
      throw cameraError(REASONS[error.name] ?? error.message);
    });
  const video = h("video", { class: "camera", playsInline: true, muted: true, srcObject: stream });
  video.setAttribute("aria-label", "What the camera sees");
  await video.play();
  let open = true;
  const stop = () => {
    open = false;
    for (const track of stream.getTracks()) track.stop();
  };
  const live = h("input", { type: "checkbox", id: "live-camera" });
  live.addEventListener(
    "change",
    () => void follow(video, () => open && live.checked, heard.frame),
  );
  const take = button("Take picture", () => void still(video).then(heard.taken), {
    class: "primary",
  });
  const close = button("Close camera", heard.closed);
  const controls = h(
    "div",
    { class: "row" },
    take,
    close,
    h("label", { class: "check", htmlFor: live.id }, live, "Live"),
  );
  return { view: h("div", { class: "stack" }, video, controls), stop };
}

function cameraError(message: string): Error {
  return Object.assign(new Error(message), {
    kind: "input",
    hint: "A picture can be dropped or chosen instead.",
  });
}

/** One frame after another, each as soon as the one before is done. */
async function follow(
  video: HTMLVideoElement,
  going: () => boolean,
  frame: Heard["frame"],
): Promise<void> {
  while (going()) {
    await frame(pixelsFrom(video, video.videoWidth, video.videoHeight));
    await new Promise(requestAnimationFrame);
  }
}

function still(video: HTMLVideoElement): Promise<Blob> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
