import { OxidizedVisionError } from "./errors.js";
import { fetched, type Report, reading, readParts, type Wanted } from "./fetching.js";
import type { Bytes } from "./protocol.js";
import type { ModuleName } from "./types.js";

/** Where a module's two files are. */
export interface ModuleFiles {
  name: ModuleName;
  glue: URL;
  wasm: URL;
}

/** Finds the files of a module. */
export type Locate = (name: ModuleName) => ModuleFiles;

/** The modules' folders below an address. */
export function modulesAt(base: string | URL): Locate {
  const folder = new URL(base, globalThis.document?.baseURI ?? globalThis.location?.href);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return (name) => ({
    name,
    glue: new URL(`${name}/oxidizedvision.js`, folder),
    wasm: new URL(`${name}/oxidizedvision_bg.wasm`, folder),
  });
}

/** Modules that were compiled, so that a second model, or one after a trap, has it at once. */
const compiled = new Map<string, WebAssembly.Module>();

/** Fetch a module and compile it while it comes. */
export async function compiledModule(
  files: ModuleFiles,
  report: Report,
  signal?: AbortSignal,
): Promise<WebAssembly.Module> {
  const key = files.wasm.href;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const wanted: Wanted = {
    url: files.wasm,
    what: `The module ${files.name}`,
    hint: `Serve the folder modules/${files.name} of @oxidizedvision/runtime there, or name another engine.`,
    missing: "backend_unavailable",
  };
  const module = await compile(await fetched(wanted, signal), wanted, report, signal);
  compiled.set(key, module);
  return module;
}

async function compile(
  response: Response,
  wanted: Wanted,
  report: Report,
  signal?: AbortSignal,
): Promise<WebAssembly.Module> {
  const type = response.headers.get("content-type") ?? "";
  return reading(wanted, signal, async () => {
    try {
      if (!type.startsWith("application/wasm") || !("compileStreaming" in WebAssembly))
        return await WebAssembly.compile(await whole(response, report));
      // The copy is counted, since only an untouched response may be cached in compiled form.
      const counting = readParts(response.clone(), report, () => undefined).catch(() => undefined);
      const module = await WebAssembly.compileStreaming(response);
      await counting;
      return module;
    } catch (thrown) {
      throw thrown instanceof WebAssembly.CompileError ? notRunnable(wanted, type, thrown) : thrown;
    }
  });
}

async function whole(response: Response, report: Report): Promise<ArrayBuffer> {
  const parts: Bytes[] = [];
  await readParts(response, report, (bytes) => parts.push(bytes));
  return new Blob(parts).arrayBuffer();
}

function notRunnable(wanted: Wanted, type: string, cause: Error): OxidizedVisionError {
  return new OxidizedVisionError(
    "backend_unavailable",
    `${wanted.what}: ${wanted.url} (${type}) is nothing that this browser can run: ${cause.message}`,
    wanted.hint,
    { cause },
  );
}
