import type { Pixels, Predicted, Tensor } from "@oxidizedvision/runtime/bare";

import { type Camera, openCamera } from "./camera.ts";
import { button, byId, h, replace, say } from "./dom.ts";
import { pasted } from "./inputs.ts";
import { clearTold, type Jobs, tellProblem } from "./jobs.ts";
import { type Picture, pictureFrom, release, shrunk } from "./picture.ts";
import { pictureSources } from "./picture_card.ts";
import { type Problem, wasCancelled } from "./problem.ts";
import {
  nothingYet,
  predictionSaid,
  predictionView,
  type Source,
  savers,
} from "./results/index.ts";
import { canvasOf } from "./results/stage.ts";
import { tensorsView } from "./results/tensors.ts";
import type { Session } from "./session.ts";
import type { Bundle } from "./site.ts";
import { tensorForm } from "./tensor_run.ts";
import { timingView } from "./timing_card.ts";
import { megapixels, milliseconds } from "./words.ts";

interface Around {
  session: () => Session | undefined;
  /** The session once its settings are applied; undefined where they are wrong. */
  ready: () => Promise<Session | undefined>;
  sample: (sample: Bundle["samples"][number]) => void;
  /** Opens the settings. */
  settings: () => void;
}

const RUNS = 20;
const LARGE = 12_000_000;
const SMALLER = 4_000_000;

/** Where pictures go through the model: their source, the result and its times. */
export class PictureDesk {
  private picture: Picture | undefined;
  private camera: Camera | undefined;
  private samples: Bundle["samples"] = [];
  private readonly place = byId("picture-body");
  private readonly result = byId("result-body");

  constructor(
    private readonly jobs: Jobs,
    private readonly around: Around,
  ) {}

  get hasPicture(): boolean {
    return this.picture !== undefined || this.camera !== undefined;
  }

  offer(samples: Bundle["samples"]): void {
    this.samples = samples;
    this.show();
  }

  show(): void {
    const session = this.around.session();
    const heard = {
      chosen: (file: File) => void this.give(file, file.name),
      camera: () => void this.openCamera(),
      paste: () => void this.paste(),
      sample: this.around.sample,
    };
    if (session && !session.input) {
      replace(
        this.place,
        tensorForm(session.model.info, (inputs) => void this.runTensors(inputs)),
      );
    } else if (this.camera) {
      replace(this.place, this.camera.view);
    } else {
      replace(this.place, ...pictureSources(this.picture, this.samples, heard));
    }
    if (this.result.childElementCount === 0) this.showNothing();
  }

  private showNothing(): void {
    const session = this.around.session();
    const next = session
      ? "Give the model a picture, and what it makes of it appears here."
      : "Load a model, then give it a picture.";
    replace(this.result, nothingYet(next));
    byId("timing").hidden = true;
  }

  /** Another model is loaded: what was shown is not its own. */
  renew(): void {
    this.showNothing();
    this.show();
    const session = this.around.session();
    if (session) this.showTiming(session);
    if (session?.contract && this.picture) void this.predict();
  }

  /** A picture from a file, from the clipboard or from the page's samples. */
  async give(file: Blob, name: string): Promise<void> {
    this.closeCamera();
    try {
      const picture = await pictureFrom(file, name);
      this.use(picture);
    } catch (error) {
      this.show();
      tellProblem(this.place, error);
      return;
    }
    await this.predict();
  }

  private use(picture: Picture): void {
    release(this.picture);
    this.picture = picture;
    this.around.session()?.anotherPicture();
    this.show();
  }

  private async paste(): Promise<void> {
    try {
      const file = await pasted();
      await this.give(file, file.name);
    } catch (error) {
      tellProblem(this.place, error);
    }
  }

  private async predict(): Promise<void> {
    const { picture } = this;
    if (!picture) return;
    if (!this.around.session()) {
      replace(this.result, nothingYet("The picture is ready. Load a model for it."));
      return;
    }
    const before = this.around.session();
    const session = await this.around.ready();
    // With new settings the model was loaded anew, which runs the picture too.
    if (!session || session !== before) return;
    const label = `Running on ${picture.name}, ${megapixels(picture.width, picture.height)}`;
    const result = await this.jobs.run(
      this.result,
      label,
      (signal) => session.predict(picture.given, signal),
      (problem) => this.waysOut(problem, picture),
    );
    if (result) this.showResult(session, result, sourceOf(picture));
    else this.afterNoResult(picture);
    this.showTiming(session);
  }

  /** What is left of an earlier result is not of this picture. */
  private afterNoResult(picture: Picture): void {
    if (this.jobs.busy) return;
    for (const child of [...this.result.children]) {
      if (!child.classList.contains("problem")) child.remove();
    }
    if (this.result.childElementCount > 0) return;
    const again = button("Run again", () => void this.predict());
    replace(this.result, nothingYet("Stopped.", again, ...this.smaller(picture)));
  }

  private waysOut({ kind }: Problem, picture: Picture): HTMLElement[] {
    const ofSize = ["panicked", "engine_failed", "input", "shape_mismatch"].includes(kind);
    const ofSettings = ["config", "model", "shape_mismatch", "engine_failed"].includes(kind);
    return [
      ...(ofSettings ? [button("Change the settings", this.around.settings)] : []),
      ...(ofSize ? this.smaller(picture) : []),
    ];
  }

  private smaller(picture: Picture): HTMLElement[] {
    if (picture.width * picture.height <= LARGE) return [];
    const run = async () => {
      this.use(await shrunk(picture, SMALLER));
      await this.predict();
    };
    return [button(`Make it ${SMALLER / 1e6} megapixels`, () => void run())];
  }

  private showResult(session: Session, result: Predicted, source: Source): void {
    const { prediction } = result;
    replace(
      this.result,
      ...predictionView(prediction, source),
      h("div", { class: "row" }, savers(prediction, source)),
    );
    // A live picture changes faster than anybody could be told.
    if (this.camera) return;
    const time = session.measured.runs.at(-1)?.totalMs ?? 0;
    say(`${predictionSaid(prediction)}. It took ${milliseconds(time)}.`);
    const narrow = matchMedia("(max-width: 56rem)").matches;
    if (narrow) byId("result").scrollIntoView({ block: "start" });
    if (document.activeElement === document.body) byId("result").focus({ preventScroll: true });
  }

  private showTiming(session: Session): void {
    byId("timing").hidden = false;
    const again =
      this.picture && session.measured.runs.length > 0
        ? button(`Time ${RUNS} runs`, () => void this.repeat(session), { id: "repeat" })
        : null;
    replace(byId("timing-body"), ...timingView(session.measured, again));
  }

  private async repeat(session: Session): Promise<void> {
    const { picture } = this;
    if (!picture) return;
    const place = byId("timing-body");
    const done = await this.jobs.run(place, "Timing", async (signal, shown) => {
      for (let run = 1; run <= RUNS; run += 1) {
        shown.tell(`Run ${run} of ${RUNS}`, run / RUNS);
        await session.predict(picture.given, signal);
        this.showTiming(session);
        place.prepend(shown.view);
      }
      return true;
    });
    if (done) this.showTiming(session);
    byId("repeat").focus({ preventScroll: true });
  }

  async runTensors(inputs: Tensor[]): Promise<void> {
    const session = this.around.session();
    if (!session) return;
    const outputs = await this.jobs.run(this.result, "Running", (signal) =>
      session.run(inputs, signal),
    );
    if (outputs) replace(this.result, ...tensorsView(outputs));
    this.showTiming(session);
  }

  private async openCamera(): Promise<void> {
    try {
      this.camera = await openCamera({
        taken: (picture) => void this.give(picture, "camera picture"),
        frame: (frame) => this.live(frame),
        closed: () => {
          this.closeCamera();
          this.show();
        },
      });
      this.around.session()?.anotherPicture();
      clearTold(this.place);
      this.show();
      this.place.querySelector("button")?.focus();
    } catch (error) {
      tellProblem(this.place, error);
    }
  }

  private closeCamera(): void {
    this.camera?.stop();
    this.camera = undefined;
  }

  private async live(frame: Pixels): Promise<void> {
    const session = await this.around.ready();
    if (!session || this.jobs.busy) return;
    const source = liveSource(frame);
    try {
      this.showResult(session, await session.predict(frame, new AbortController().signal), source);
    } catch (error) {
      if (wasCancelled(error)) return;
      this.closeCamera();
      this.show();
      tellProblem(this.result, error);
    }
    this.showTiming(session);
  }
}

function sourceOf({ url, width, height, name }: Picture): Source {
  return {
    show: () => h("img", { src: url, alt: `The picture ${name}`, width, height }),
    width,
    height,
    name,
  };
}

function liveSource({ data, width, height }: Pixels): Source {
  // The pixels are handed to the worker, so they are painted before.
  const canvas = canvasOf(data, width, height);
  return { show: () => canvas, width, height, name: "camera" };
}
