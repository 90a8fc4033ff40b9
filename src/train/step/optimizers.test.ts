import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { DENSE_OPTIMIZERS } from "../../ops/dense-optimizers.js";
import { EMBEDDING_OPTIMIZERS } from "../../ops/embedding-optimizers/index.js";

const page = readFileSync(fileURLToPath(new URL("../../../docs/training.md", import.meta.url)), "utf8");

/** The rows of the table of default rates: kinds of optimizers, and their rate. */
const documented = [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| ([\d.]+) \|$/gm)].flatMap(
  ([, kinds, rate]) => [...kinds.matchAll(/\w+/g)].map(([kind]) => [kind, Number(rate)] as const),
);

it("docs/training.md has the default rate of every optimizer", () => {
  const defaults = [...DENSE_OPTIMIZERS, ...EMBEDDING_OPTIMIZERS].map(({ schema }) => {
    const { kind } = schema.shape;
    return [kind.value, schema.shape.learningRate.parse(undefined)] as const;
  });
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(defaults));
});
