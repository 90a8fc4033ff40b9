import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The entries of the package, from source. */
const ENTRIES = { pairloom: "index", "pairloom/serve": "serve", "pairloom/train": "train-entry" };

export default defineConfig({
  resolve: {
    alias: Object.entries(ENTRIES).map(([name, file]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(`./src/${file}.ts`, import.meta.url)),
    })),
  },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "conformance/**/*.test.ts"],
    testTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
