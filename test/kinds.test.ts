import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { DERIVED_KINDS } from "../src/features/kinds/index.js";
import { kindOf } from "../src/kinds.js";
import { modelSchema } from "../src/models/index.js";
import { DENSE_OPTIMIZERS } from "../src/ops/dense-optimizers.js";
import { EMBEDDING_OPTIMIZERS } from "../src/ops/embedding-optimizers/index.js";
import { lossSchema } from "../src/train/step/loss/index.js";

/*
 * What a config names by `kind` is described in one file and one list: no other code decides by the name. The importer
 * is exempt, which maps the names of another system.
 */

const KINDS = [
  ...[...lossSchema.options, ...modelSchema.options].map((schema) => kindOf({ schema })),
  ...[...DENSE_OPTIMIZERS, ...EMBEDDING_OPTIMIZERS, ...DERIVED_KINDS].map(kindOf),
];

/** Words that name something else in these files, and the baseline. */
const EXEMPT: readonly (readonly [file: string, kind: string, why: string])[] = [
  ["src/passes/emit.ts", "combine", "a step of a schedule"],
  ["src/passes/lifetimes.ts", "combine", "a step of a schedule"],
  ["src/plan/compute.ts", "combine", "a step of a schedule"],
  ["src/features/transform.ts", "expression", "a transform of numbers"],
  ["src/data/encode/native-kernels.ts", "expression", "a transform of numbers"],
  ["src/layers/dense-embedding.ts", "mlp", "an embedding of numbers"],
  ["src/run/train-run.ts", "logisticRegression", "the baseline is not its own baseline"],
];

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const DECISION = /\bkind (?:===|!==) "(\w+)"|\bcase "(\w+)":/g;

function decisions(): (readonly [file: string, kind: string])[] {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .map((name) => `src/${name}`)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.startsWith("src/tzrec/"));
  return files.flatMap((file) => {
    const found = readFileSync(join(ROOT, file), "utf8").matchAll(DECISION);
    return [...found].map((match) => [file, match[1] ?? match[2]] as const);
  });
}

it("no code but its own decides by a kind", () => {
  const known = new Set(KINDS);
  const exempt = new Set(EXEMPT.map(([file, kind]) => `${file} ${kind}`));
  const found = decisions()
    .filter(([, kind]) => known.has(kind))
    .map(([file, kind]) => `${file} ${kind}`);
  expect(found.filter((each) => !exempt.has(each))).toEqual([]);
  expect([...exempt].filter((each) => !found.includes(each))).toEqual([]);
});
