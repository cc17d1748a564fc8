import { defineConfig } from "vite";

import { contentSecurity, listForOffline, modulesForDevelopment } from "./page_plugin.ts";

export default defineConfig({
  // A static host may serve the page from any folder.
  base: "./",
  plugins: [contentSecurity(), listForOffline(), modulesForDevelopment()],
  build: { target: "es2022", modulePreload: false },
  worker: { format: "es" },
  // A worker's address is lost when its package is bundled beforehand.
  optimizeDeps: { exclude: ["@oxidizedvision/runtime"] },
});
