import type { ModuleFiles } from "./modules.js";
import type { ModuleName } from "./types.js";

// Bundlers find assets by exactly this form, so nothing here can be put together from parts.
const PACKAGED: Record<ModuleName, Omit<ModuleFiles, "name">> = {
  rten: {
    glue: new URL("../modules/rten/oxidizedvision.js", import.meta.url),
    wasm: new URL("../modules/rten/oxidizedvision_bg.wasm", import.meta.url),
  },
  "rten-threads": {
    glue: new URL("../modules/rten-threads/oxidizedvision.js", import.meta.url),
    wasm: new URL("../modules/rten-threads/oxidizedvision_bg.wasm", import.meta.url),
  },
  tract: {
    glue: new URL("../modules/tract/oxidizedvision.js", import.meta.url),
    wasm: new URL("../modules/tract/oxidizedvision_bg.wasm", import.meta.url),
  },
};

/** The files of a module that travel in this package. */
export function packagedModule(name: ModuleName): ModuleFiles {
  return { name, ...PACKAGED[name] };
}
