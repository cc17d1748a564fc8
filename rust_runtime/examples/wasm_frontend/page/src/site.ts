import type { Engine } from "@oxidizedvision/runtime/bare";

import type { Postprocess, Preprocess } from "./contract.ts";

/** What stands beside this page: `modules/`, and perhaps a model of its own in `model/`. */
export interface Site {
  modules: URL;
  engines: Engine[];
  threads: boolean;
  /** Files that the page must keep to work without a network. */
  files: string[];
  bundle: Bundle | undefined;
}

/** `model/manifest.json`; its files are named relative to it. */
export interface Bundle {
  title: string;
  name: string;
  model: URL;
  engine: Engine | "auto";
  /** Whether the page is for this model alone; otherwise it is a sample that may be tried. */
  only: boolean;
  /** The modules that came with it; they are looked for where it does not say. */
  modules: ModuleName[] | undefined;
  preprocess: Preprocess | undefined;
  postprocess: Postprocess | undefined;
  goldens: URL | undefined;
  samples: { address: URL; title: string }[];
}

const MODULES = ["rten", "rten-threads", "tract"] as const;
type ModuleName = (typeof MODULES)[number];
const MODULE_FILES = ["oxidizedvision.js", "oxidizedvision_bg.wasm", "build.json"];

export async function lookAround(base = document.baseURI): Promise<Site> {
  const modules = new URL("modules/", base);
  const bundle = await bundleAt(new URL("model/", base));
  const there = bundle?.modules ?? (await modulesIn(modules));
  const engines: Engine[] = [];
  if (there.includes("rten") || there.includes("rten-threads")) engines.push("rten");
  if (there.includes("tract")) engines.push("tract");
  const ofModules = there.flatMap((name) =>
    MODULE_FILES.map((file) => new URL(`${name}/${file}`, modules).href),
  );
  const files = [...ofModules, ...(bundle ? filesOf(bundle, base) : [])];
  return { modules, engines, threads: there.includes("rten-threads"), files, bundle };
}

/** Those that a host has; it answers 404 for the others, which a browser notes in its console. */
async function modulesIn(folder: URL): Promise<ModuleName[]> {
  const found = await Promise.all(
    MODULES.map((name) => json(new URL(`${name}/build.json`, folder))),
  );
  return MODULES.filter((_, at) => found[at] !== undefined);
}

function filesOf(bundle: Bundle, base: string): string[] {
  const manifest = new URL("model/manifest.json", base);
  const samples = bundle.samples.map(({ address }) => address);
  return [manifest, bundle.model, bundle.goldens, ...samples].flatMap((file) =>
    file ? [file.href] : [],
  );
}

interface Written {
  title?: string;
  name?: string;
  model?: string;
  engine?: Engine | "auto";
  only?: boolean;
  modules?: string[];
  preprocess?: Preprocess;
  postprocess?: Postprocess;
  goldens?: string;
  samples?: { file: string; title?: string }[];
}

async function bundleAt(folder: URL): Promise<Bundle | undefined> {
  const said = (await json(new URL("manifest.json", folder))) as Written | undefined;
  if (!said || typeof said.model !== "string") return undefined;
  const { model } = said;
  const at = (file: string) => new URL(file, folder);
  const name = said.name ?? model.replace(/\.onnx$/, "");
  return {
    title: said.title ?? name,
    name,
    model: at(model),
    engine: said.engine ?? "auto",
    only: said.only ?? true,
    modules: said.modules && MODULES.filter((known) => said.modules?.includes(known)),
    preprocess: said.preprocess,
    postprocess: said.postprocess,
    goldens: said.goldens === undefined ? undefined : at(said.goldens),
    samples: (said.samples ?? []).map(({ file, title }) => ({
      address: at(file),
      title: title ?? file,
    })),
  };
}

/** What a JSON file holds; a host that answers everything with its front page has no such file. */
async function json(address: URL): Promise<unknown> {
  try {
    const response = await fetch(address, { cache: "no-cache" });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
