import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { dataSchema } from "../src/data/data-config.js";
import { featuresSchema } from "../src/features/schema/features.js";

/** The TypeScript blocks of a page. */
function blocksOf(page: string): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../docs/${page}`, import.meta.url)), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block]) => block);
}

const evaluated = (source: string): unknown => runInNewContext(`(${source})`);

const features = blocksOf("features.md")
  .flatMap((block) => block.match(/^\s*\{ kind: .*?\}(?=,?(\s*\/\/.*)?$)|^\{\n[\s\S]*?^\}/gm) ?? [])
  // A file of the reader.
  .filter((source) => !/file: "tokenizer\.json"/.test(source));
it.each(features)("docs/features.md: %s", (source) => {
  expect(features.length).toBeGreaterThan(20);
  const feature = evaluated(source) as { readonly inputs?: unknown };
  const named = [...source.matchAll(/\{ feature: "(\w+)" \}/g)].map(([, name]) => ({ kind: "number", name }));
  expect(featuresSchema.safeParse([feature, ...named]).error).toBeUndefined();
});

const splits = blocksOf("data.md").flatMap((block) => block.match(/^\s*split: \{.*\}/gm) ?? []);
it.each(splits)("docs/data.md: %s", (source) => {
  expect(splits.length).toBeGreaterThan(5);
  const { split } = evaluated(`{ ${source} }`) as { readonly split: unknown };
  const data = { source: { path: "rows.csv" }, split, label: "y" };
  expect(dataSchema.safeParse(data).error).toBeUndefined();
});
