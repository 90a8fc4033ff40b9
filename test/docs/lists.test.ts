import { expect, it } from "vitest";
import type { z } from "zod";
import { dataSchema, sourceSchema } from "../../src/data/data-config.js";
import { featuresSchema } from "../../src/features/schema/features.js";
import { kindOf } from "../../src/kinds.js";
import { METRIC_LIST } from "../../src/metrics/index.js";
import { modelSchema } from "../../src/models/index.js";
import { DENSE_OPTIMIZERS } from "../../src/ops/dense-optimizers.js";
import { EMBEDDING_OPTIMIZERS } from "../../src/ops/embedding-optimizers/index.js";
import { scheduleSchema } from "../../src/train/schedules.js";
import { lossSchema } from "../../src/train/step/loss/index.js";
import { trainSchema } from "../../src/train/train-config.js";
import { PAGES } from "./pages.js";

interface Union {
  readonly options: readonly { readonly shape: Readonly<Record<string, unknown>> }[];
}

/** What a config can say, and the pages that explain it: each name stands there as code. */
const kindsOf = ({ options }: Union): string[] =>
  options.map(({ shape }) => (shape.kind as z.ZodLiteral<string>).value);
const keysOf = ({ options }: Union): string[] => [
  ...new Set(options.flatMap(({ shape }) => Object.keys(shape))),
];
const features = featuresSchema.element as unknown as Union;

const LISTS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["models", ["docs/config.md"], kindsOf(modelSchema as unknown as Union)],
  ["feature kinds", ["docs/features.md"], kindsOf(features)],
  ["keys of features", ["docs/features.md"], keysOf(features)],
  ["keys of data", ["docs/data.md"], Object.keys(dataSchema.shape)],
  ["keys of a source", ["docs/data.md"], Object.keys(sourceSchema.shape)],
  ["keys of train", ["docs/training.md", "docs/config.md"], Object.keys(trainSchema.shape)],
  ["losses", ["docs/training.md"], kindsOf(lossSchema as unknown as Union)],
  ["schedules", ["docs/training.md"], kindsOf(scheduleSchema as unknown as Union)],
  ["dense optimizers", ["docs/training.md"], DENSE_OPTIMIZERS.map(kindOf)],
  ["embedding optimizers", ["docs/training.md"], EMBEDDING_OPTIMIZERS.map(kindOf)],
  ["metrics", ["docs/training.md"], METRIC_LIST.filter(([, { better }]) => better).map(([name]) => name)],
];

it.each(LISTS)("all %s are explained in %s", (_, paths, names) => {
  expect(names.length).toBeGreaterThan(2);
  const text = PAGES.filter(({ path }) => paths.includes(path))
    .map((page) => page.text)
    .join("\n");
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span).join("\n") + blocksOf(paths);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
});

function blocksOf(paths: readonly string[]): string {
  const blocks = PAGES.filter(({ path }) => paths.includes(path)).flatMap((page) => page.blocks);
  return blocks.map(({ text }) => text).join("\n");
}
