/** The worker of one model. */
import type { RawModule } from "./raw.js";
import { type Port, serve } from "./serving.js";

serve(
  globalThis as unknown as Port,
  // The module's JavaScript is an asset that travels beside its .wasm, so no bundler may rewrite this.
  (glue): Promise<RawModule> => import(/* @vite-ignore */ /* webpackIgnore: true */ glue),
);
