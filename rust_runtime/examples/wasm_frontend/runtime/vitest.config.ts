import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What Node runs as it is must be tested as it is.
    server: { deps: { external: [/\.mjs$/] } },
  },
});
