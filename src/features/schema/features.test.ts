import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type FeatureInput, featuresSchema } from "./features.js";

function problems(...features: unknown[]): string[] {
  const result = featuresSchema.safeParse(features);
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const DYNAMIC = { kind: "id", name: "a", dynamic: { capacity: 8 } };
const dynamic = (settings: object) => ({ ...DYNAMIC, dynamic: { capacity: 8, ...settings } });

describe("featuresSchema", () => {
  it("fills the defaults", () => {
    expect(featuresSchema.parse([{ kind: "id", name: "a", hash: 8 }])).toEqual([
      { kind: "id", name: "a", hash: 8, outOfVocabulary: "bucket", outOfRange: "refuse", missing: "bucket" },
    ]);
    expect(featuresSchema.parse([{ kind: "number", name: "x" }])).toEqual([
      { kind: "number", name: "x", nonFinite: "refuse", width: 1 },
    ]);
    expect(featuresSchema.parse([{ kind: "ids", name: "t", vocabulary: {} }])).toMatchObject([
      { separator: ",", pooling: "sum", missing: "empty", vocabulary: { minCount: 1 } },
    ]);
  });

  it.each<[string, FeatureInput | object, RegExp]>([
    [
      "no mapping",
      { kind: "id", name: "a" },
      /exactly one of hash, buckets, vocabulary, dynamic \(got none\)/,
    ],
    ["two mappings", { kind: "ids", name: "a", hash: 2, buckets: 3 }, /got hash and buckets/],
    ["an unknown key", { kind: "number", name: "x", normalise: "log" }, /normalise/],
    ["an unknown kind", { kind: "text", name: "x" }, /0\.kind/],
    ["a bad name", { kind: "number", name: "a b" }, /0\.name: a feature name/],
    [
      "column and columns",
      { kind: "id", name: "a", hash: 2, column: "b", columns: ["c", "d"] },
      /0\.columns/,
    ],
    ["a cross of integers", { kind: "id", name: "a", buckets: 2, columns: ["c", "d"] }, /is text/],
    ["a bad expression", { kind: "number", name: "x", normalize: { expression: "log(" } }, /0\.normalize/],
    ["one quantile", { kind: "number", name: "x", boundaries: { quantiles: 1 } }, /0\.boundaries/],
    ["falling boundaries", { kind: "number", name: "x", boundaries: [1, 1] }, /0\.boundaries: .*ascend/],
    [
      "normalized boundaries",
      { kind: "number", name: "x", boundaries: [1], normalize: "log" },
      /0\.normalize/,
    ],
    ["a table without ids", { kind: "number", name: "x", dim: 4 }, /0\.dim: dim needs boundaries/],
    [
      "numbers of a table without ids",
      { kind: "number", name: "x", dtype: "fp16" },
      /dtype needs boundaries/,
    ],
    ["more buckets than a table has rows", { kind: "id", name: "a", buckets: 2 ** 40 }, /0\.buckets/],
    ["an unknown dtype", { kind: "id", name: "a", hash: 8, dtype: "int8" }, /0\.dtype/],
    ["a hash beside a dynamic table", { ...DYNAMIC, hash: 9 }, /got hash and dynamic/],
    ["a dynamic table of nothing", dynamic({ capacity: 0 }), /0\.dynamic\.capacity/],
    ["a dynamic table without a capacity", dynamic({ capacity: undefined }), /0\.dynamic\.capacity/],
    ["an index above the capacity", dynamic({ growFrom: 9 }), /0\.dynamic\.growFrom: .*capacity/],
    ["a size of exact counters", dynamic({ admit: { count: 2, expect: 9 } }), /0\.dynamic\.admit.*expect/],
    ["a probability above 1", dynamic({ admit: { probability: 2 } }), /0\.dynamic\.admit/],
    ["an unknown rule of eviction", dynamic({ evict: "fifo" }), /0\.dynamic\.evict/],
    [
      "a half-life below a step",
      dynamic({ evict: { kind: "lfuDecay", halfLife: 0.5 } }),
      /0\.dynamic\.evict.*halfLife/,
    ],
    [
      "integers of a dynamic cross",
      { ...DYNAMIC, kind: "combo", inputs: ["c", "d"], buckets: 2 },
      /got buckets and dynamic/,
    ],
    ["learnt vectors", { kind: "number", name: "x", width: 3, normalize: "zscore" }, /width > 1/],
  ])("refuses %s", (_, feature, message) => {
    expect(problems(feature).join("\n")).toMatch(message);
  });

  it("refuses equal names and tables that disagree", () => {
    const a = { kind: "id", name: "a", hash: 8, embedding: "t", dim: 4 };
    expect(problems(a, { ...a, dim: 8 })).toEqual([
      '1.name: the name "a" is taken by features[0]',
      '1.dim: must equal features[0].dim: both read the table "t"',
    ]);
    expect(problems(a, { ...a, name: "b" })).toEqual([]);
    const shared = { ...DYNAMIC, embedding: "t" };
    expect(problems(shared, { ...shared, kind: "ids", name: "b" })).toEqual([]);
    expect(problems(shared, { ...dynamic({ evict: "lfu" }), embedding: "t", name: "b" })).toEqual([
      '1.dynamic: must equal features[0].dynamic: both read the table "t"',
    ]);
    expect(problems(a, { ...a, name: "b", dtype: "bf16" })).toEqual([
      '1.dtype: must equal features[0].dtype: both read the table "t"',
    ]);
  });
});

it("takes every example of docs/features.md", () => {
  const text = readFileSync(new URL("../../../docs/features.md", import.meta.url), "utf8");
  const examples = text.match(/^ *\{ kind:[^\n]*\}(?=,?( *\/\/[^\n]*)?$)|^\{\n.*?^\}$/gms) ?? [];
  expect(examples.length).toBeGreaterThan(15);
  const read = [
    { kind: "number", name: "views_clipped" },
    { kind: "sequence", name: "clicked", column: "clicked_items", max: 200, hash: 10 },
    { kind: "sequence", name: "ordered", column: "ordered_items", max: 50, hash: 10 },
  ];
  for (const example of examples)
    expect([example, problems(new Function(`return (${example})`)(), ...read)]).toEqual([example, []]);
});
