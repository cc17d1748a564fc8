import type { Engine, ModelSource } from "@oxidizedvision/runtime/bare";

import type { Contract } from "./contract.ts";
import { proposal } from "./contract.ts";
import { button, byId, h, replace, say } from "./dom.ts";
import { goldensView } from "./goldens.ts";
import { kindOf } from "./inputs.ts";
import { Jobs, tellProblem } from "./jobs.ts";
import { choiceSaid, emptyModel, engineChoice, loadedModel } from "./model_card.ts";
import { PictureDesk } from "./picture_desk.ts";
import { nothingYet } from "./results/index.ts";
import { type Opening, Session } from "./session.ts";
import { type Settings, settingsForm } from "./settings_form.ts";
import type { Site } from "./site.ts";
import { milliseconds } from "./words.ts";

/** What stands on the page: a model, perhaps its settings, and the desk where pictures go through it. */
export class App {
  private engine: Engine | "auto";
  private session: Session | undefined;
  private settings: Settings | undefined;
  private readonly jobs = new Jobs();
  private readonly place = byId("model-body");
  private readonly desk: PictureDesk;

  constructor(private readonly site: Site) {
    const asked = site.bundle?.engine ?? "auto";
    const there = asked !== "auto" && site.engines.includes(asked);
    this.engine = there ? asked : site.engines.length > 1 ? "auto" : (site.engines[0] ?? "auto");
    this.desk = new PictureDesk(this.jobs, {
      session: () => this.session,
      ready: () => this.readySession(),
      sample: (sample) => void this.sampleFile(sample),
      settings: () => this.openSettings(),
    });
    this.showModel();
    this.desk.show();
  }

  /** Whether the user has begun, so that nothing may be thrown away. */
  get begun(): boolean {
    return this.session !== undefined || this.jobs.busy || this.desk.hasPicture;
  }

  /** Files that were dropped or pasted; a model goes before the pictures that came with it. */
  async take(files: File[]): Promise<void> {
    const of = (kind: string) => files.filter((file) => kindOf(file) === kind);
    const [model] = of("model");
    if (model && !this.site.bundle?.only) await this.openFile(model);
    const [goldens] = of("goldens");
    if (goldens) await this.checkGoldens(goldens, goldens.name);
    const [picture] = of("picture");
    if (picture) await this.desk.give(picture, picture.name);
  }

  async openFile(file: File): Promise<void> {
    await this.open(file, file.name.replace(/\.onnx$/i, ""), file.size, undefined);
  }

  /** The model that stands beside the page. */
  async openBundle(): Promise<void> {
    const { bundle } = this.site;
    if (!bundle) return;
    const { preprocess, postprocess } = bundle;
    const contract = preprocess ? { preprocess, postprocess: postprocess ?? null } : undefined;
    if (await this.open(bundle.model, bundle.name, undefined, contract))
      this.desk.offer(bundle.samples);
  }

  private async open(
    source: ModelSource,
    name: string,
    bytes: number | undefined,
    contract: Contract | undefined,
  ): Promise<boolean> {
    const { modules, threads } = this.site;
    this.desk.offer([]);
    return this.load({
      source,
      name,
      bytes,
      engine: this.engine,
      modules,
      threads,
      contract,
      input: undefined,
    });
  }

  private async load(opening: Opening): Promise<boolean> {
    const session = await this.jobs.run(
      this.place,
      `Loading ${opening.name}`,
      (signal, shown) => Session.open(opening, signal, shown.progress),
      ({ kind }) => (kind === "unsupported" ? this.otherEngines(opening) : []),
    );
    if (!session) return false;
    this.session?.close();
    this.session = session;
    this.settings = undefined;
    this.showModel();
    this.desk.renew();
    this.sayLoaded(session);
    return true;
  }

  private otherEngines(opening: Opening): HTMLElement[] {
    if (opening.engine === "auto") return [];
    const others = this.site.engines.filter((engine) => engine !== opening.engine);
    return others.map((engine) =>
      button(`Try ${engine}`, () => {
        this.engine = engine;
        void this.load({ ...opening, engine });
      }),
    );
  }

  private sayLoaded({ model, contract, input }: Session): void {
    const { fetchMs, instantiateMs, loadMs } = model.loadTiming;
    const time = milliseconds(fetchMs + instantiateMs + loadMs);
    const next = contract
      ? "Give it a picture."
      : input
        ? "Check its settings."
        : "It takes tensors.";
    say(`${model.info.model} is loaded by ${model.engine}, in ${time}. ${next}`);
    if (document.activeElement === document.body)
      byId(contract ? "picture" : "model").focus({ preventScroll: true });
  }

  private showModel(): void {
    const { session, site } = this;
    byId("main").dataset.state = session ? "loaded" : "empty";
    const parts = session ? this.loadedParts(session) : this.emptyParts();
    const engines =
      site.engines.length > 0
        ? engineChoice(site.engines, this.engine, (engine) => void this.setEngine(engine))
        : null;
    replace(this.place, ...parts, engines, session ? choiceSaid(session) : null);
  }

  private loadedParts(session: Session): HTMLElement[] {
    const { bundle } = this.site;
    const another = bundle?.only ? undefined : (file: File) => void this.openFile(file);
    const proof = bundle && session.opening.source === bundle.model ? bundle.goldens : undefined;
    return [
      ...loadedModel(session, another),
      ...(proof ? [inRow("Compare with PyTorch's answers", () => void this.prove(proof))] : []),
      ...this.settingsOf(session),
    ];
  }

  private emptyParts(): HTMLElement[] {
    const { bundle } = this.site;
    const load = () => void this.openBundle();
    if (bundle?.only) return [inRow(`Load ${bundle.title}`, load)];
    return emptyModel(bundle, (file) => void this.take([file]), load);
  }

  /** The settings: open where the file says nothing of its pictures, else to be unfolded. */
  private settingsOf(session: Session): HTMLElement[] {
    const { input, contract } = session;
    if (!input) return [];
    const proposed = contract ?? proposal(input, session.model.info.outputs);
    const apply = (said: Contract) => void this.apply(said);
    this.settings = settingsForm(input, session.model.info.outputs, proposed, apply);
    const details = h(
      "details",
      { open: !contract },
      h("summary", {}, "Settings for pictures"),
      this.settings.form,
    );
    if (contract) return [details];
    const note = h(
      "p",
      { class: "notice" },
      "This file says nothing about its pictures. The settings below are a guess from its shapes: check them.",
    );
    return [note, details];
  }

  private async apply(contract: Contract): Promise<boolean> {
    const { session } = this;
    if (!session) return false;
    const { opening, input } = session;
    return this.load({ ...opening, engine: this.engine, contract, input });
  }

  /** The model with settings that are known, or what to do first, said where the picture goes. */
  private async readySession(): Promise<Session | undefined> {
    if (this.session && !this.session.contract && this.settings) {
      const said = this.settings.read();
      if (!said || !(await this.apply(said))) return undefined;
    }
    return this.session;
  }

  private openSettings(): void {
    const details = this.place.querySelector("details");
    if (!details) return;
    details.open = true;
    details.querySelector("summary")?.focus();
  }

  private async setEngine(engine: Engine | "auto"): Promise<void> {
    this.engine = engine;
    if (!this.session) return;
    await this.load({ ...this.session.opening, engine });
    byId(`engine-${engine}`).focus({ preventScroll: true });
  }

  private async sampleFile({ address, title }: { address: URL; title: string }): Promise<void> {
    try {
      await this.desk.give(await fileAt(address), title);
    } catch (error) {
      tellProblem(byId("picture-body"), error);
    }
  }

  /** Whether the page's own model answers in this browser as PyTorch did. */
  private async prove(goldens: URL): Promise<void> {
    try {
      await this.checkGoldens(await fileAt(goldens), "the recorded answers");
    } catch (error) {
      tellProblem(byId("result-body"), error);
    }
  }

  private async checkGoldens(file: Blob, name: string): Promise<void> {
    const { session } = this;
    const result = byId("result-body");
    if (!session) {
      const first = "Load the model first that these recorded answers belong to.";
      replace(result, nothingYet(first));
      return;
    }
    const goldens = new Uint8Array(await file.arrayBuffer());
    const check = await this.jobs.run(result, "Comparing with PyTorch's answers", (signal) =>
      session.checkGoldens(goldens, signal),
    );
    if (check) replace(result, goldensView(check, name));
  }
}

const inRow = (label: string, act: () => void) => h("div", { class: "row" }, button(label, act));

/** A file that stands beside the page. */
async function fileAt(address: URL): Promise<Blob> {
  const response = await fetch(address);
  if (response.ok) return response.blob();
  throw Object.assign(new Error(`${address} answered ${response.status}`), {
    kind: "not_found",
    hint: "The page's folder is not whole: copy it to the host again.",
  });
}
