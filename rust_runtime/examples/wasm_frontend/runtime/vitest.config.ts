import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    testTimeout: 30_000,
    include: ["test/**/*.test.ts"],
    // What Node runs as it is must be tested as it is.
    server: { deps: { external: [/\.mjs$/] } },
  },
});
