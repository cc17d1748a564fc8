import { defineConfig } from "vitest/config";

// One browser and one engine at a time: times and memory are looked at.
export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
