import type { OpenGlue } from "./raw.js";

/** The module's JavaScript is an asset beside its .wasm, so no bundler may rewrite the address. */
export const importGlue: OpenGlue = (address) =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ address);
