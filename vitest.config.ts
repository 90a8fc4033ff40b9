import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The entries of the package, from source. */
const ENTRIES = {
  pairloom: "index",
  "pairloom/serve": "serve",
  "pairloom/train": "train-entry",
  "pairloom/client": "client",
};

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const TESTS = ["src", "test", "conformance"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => `${folder}/${path}`),
);

/** These would change the tests after them, or be changed by those before: they mock modules, or measure memory. */
const needsProcess = (path: string): boolean =>
  path.endsWith("memory.test.ts") || readFileSync(join(ROOT, path), "utf8").includes("vi.mock(");

/** The tests that take longest start first, so that no worker is left with one at the end. */
const LONG = ["test/package", "test/init", "test/docs/commands"].map((name) => join(ROOT, `${name}.test.ts`));

/** The files of a project stand together: a process is only kept while the next file can use it. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) =>
      2 * Number(!project.config.isolate) + Number(!LONG.includes(moduleId));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  resolve: {
    alias: Object.entries(ENTRIES).map(([name, file]) => ({
      find: new RegExp(`^${name}$`),
      replacement: join(ROOT, `src/${file}.ts`),
    })),
  },
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    projects: [
      { extends: true, test: { name: "own-process", include: TESTS.filter(needsProcess) } },
      {
        extends: true,
        test: {
          name: "shared-process",
          isolate: false,
          setupFiles: "test/first-instruction-set.ts",
          include: TESTS.filter((path) => !needsProcess(path)),
        },
      },
    ],
  },
});
