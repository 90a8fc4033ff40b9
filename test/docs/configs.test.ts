import { runInNewContext } from "node:vm";
import { createJiti } from "jiti";
import { expect, it } from "vitest";
import { resolveConfig } from "../../src/config/config.js";
import { dataSchema } from "../../src/data/data-config.js";
import { featuresSchema } from "../../src/features/schema/features.js";
import * as pairloom from "../../src/index.js";
import { trainSchema } from "../../src/train/train-config.js";
import { type Fragment, fragmentsOf } from "./fragments.js";
import { inLanguage, ROOT } from "./pages.js";

/** What the compiler cannot check: the rules of the schemas between keys. */
const fragments = inLanguage("ts").flatMap((block) =>
  fragmentsOf(block).map((fragment) => ({ ...fragment, place: block.place, before: block.notes.with ?? "" })),
);
const evaluated = (source: string, before: string): unknown =>
  runInNewContext(`(() => { ${before}\nreturn (${source}\n); })()`);

const features = fragments.filter(({ kind, key }) => kind === "feature" || key === "features");
it.each(features)("$place: features $text", ({ kind, text, before }) => {
  const value = evaluated(kind === "feature" ? text : `{ ${text} }`, before);
  const listed = kind === "feature" ? [value] : (value as { readonly features: readonly unknown[] }).features;
  const read = [...text.matchAll(/\{ feature: "(\w+)" \}/g)].map(([, name]) => ({ kind: "number", name }));
  expect(problemsOf(featuresSchema.safeParse([...listed, ...read]))).toEqual([]);
});

const DATA = { source: { path: "rows.csv" }, split: { valid: 0.1, test: 0.1 }, label: "y" };
const sections: Readonly<Partial<Record<Fragment["kind"], (value: object) => unknown[]>>> = {
  data: (value) => problemsOf(dataSchema.safeParse({ ...DATA, ...value })),
  train: (value) => problemsOf(trainSchema.safeParse(value)),
  config: (value) => [
    ...("data" in value ? problemsOf(dataSchema.safeParse(value.data)) : []),
    ...("model" in value ? modelProblems(value.model) : []),
    ...("train" in value ? problemsOf(trainSchema.safeParse(value.train)) : []),
  ],
};
const history = (name: string, embedding: string) => {
  return { kind: "sequence", name, sequence: "clicks", embedding, buckets: 10 };
};
const FIELDS = [
  ...["user", "item", "hour", "shop"].map((name) => ({ kind: "id", name, buckets: 10 })),
  history("clicked_items", "item"),
  history("clicked_shops", "shop"),
];
/** A model is built on these fields: it must know what it takes. */
function modelProblems(model: unknown): unknown[] {
  try {
    resolveConfig({ data: DATA, features: FIELDS, model });
    return [];
  } catch (error) {
    return [error];
  }
}

const settings = fragments.filter(({ kind }) => sections[kind] !== undefined);
it.each(settings)("$place: setting $text", ({ kind, text, before }) => {
  expect(sections[kind]!(evaluated(`{ ${text} }`, before) as object)).toEqual([]);
});

const configs = inLanguage("ts").filter(
  ({ text }) => /export default defineConfig/.test(text) && !/from "\./.test(text),
);
it.each(configs)("$place: a config that can be trained", async ({ text }) => {
  const jiti = createJiti(import.meta.url, { virtualModules: { pairloom } });
  const module = (await jiti.evalModule(text, { async: true, filename: `${ROOT}block.ts` })) as {
    default: unknown;
  };
  expect(() => resolveConfig(module.default)).not.toThrow();
});

it.each(inLanguage("json", "jsonl"))("$place: JSON", ({ language, text }) => {
  const parts = language === "json" ? [text] : text.trim().split("\n");
  for (const part of parts) expect(() => JSON.parse(part)).not.toThrow();
});

function problemsOf({ error }: { readonly error?: { readonly issues: readonly unknown[] } }): unknown[] {
  return [...(error?.issues ?? [])];
}
