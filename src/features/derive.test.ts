import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnSet } from "../columns/columns.js";
import { ConfigError } from "../errors.js";
import { murmur3 } from "../murmur3.js";
import { type EncodedRows, packRows, type RawRow } from "./encoder.js";
import { fitFeatures } from "./fit.js";
import { type FeatureInput, featuresSchema } from "./schema/features.js";

function encode(features: FeatureInput[], rows: RawRow[]): EncodedRows {
  const vocabularies = Object.fromEntries(
    features.flatMap((feature) =>
      "vocabulary" in feature && Array.isArray(feature.vocabulary)
        ? [[feature.name, feature.vocabulary]]
        : [],
    ),
  );
  return packRows(fitFeatures(featuresSchema.parse(features), { vocabularies, numbers: {} }), rows);
}

/** A column's values, row by row. */
function valuesOf(set: ColumnSet, name: string): unknown[] {
  const column = set.columns.get(name)!;
  return Array.from({ length: set.rows }, (_, r) => {
    if (column.kind === "id") return column.data[column.offset + r * column.stride];
    if (column.kind === "ids")
      return [...column.values.subarray(Number(column.offsets[r]), Number(column.offsets[r + 1]))];
    const row = column.data.subarray(column.offset + r * column.stride).subarray(0, column.width);
    return column.width === 1 ? row[0] : [...row];
  });
}

function numbers(feature: FeatureInput, rows: RawRow[]): unknown[] {
  const encoded = encode([feature], rows);
  expect(encoded.bad).toEqual([]);
  return valuesOf(encoded, feature.name);
}

const hash = (text: string) => murmur3(Buffer.from(text)) % 1000;

describe("lookup", () => {
  const map = "ca:1|cb:2";
  const rows = [
    { map, key: "ca|cb" },
    { map: { ca: 1, cb: 2 }, key: ["ca"] },
    { map: new Map([["ca", 1]]), key: "ca|cd" },
    { map: ["ca:1", "cb:2"], key: "cd" },
    { map, key: "" },
    { map: null, key: "ca" },
  ];
  const feature = { kind: "lookup", name: "x", map: "map", key: "key", separator: "|" } as const;

  // The values of TorchEasyRec's own examples, with a default of 0.
  it("combines the numbers of the keys found", () => {
    expect(numbers(feature, rows)).toEqual([3, 1, 1, 0, 0, 0]);
    expect(numbers({ ...feature, combiner: "mean" }, rows)).toEqual([1.5, 1, 1, 0, 0, 0]);
    expect(numbers({ ...feature, combiner: "max", missing: -1 }, rows)).toEqual([2, 1, 1, -1, -1, -1]);
    expect(numbers({ ...feature, combiner: "count" }, rows)).toEqual([2, 1, 1, 0, 0, 0]);
  });

  it("puts them into ranges", () => {
    const binned = { ...feature, boundaries: [-0.5, 0.5, 1.5, 2.5], missing: 0 };
    expect(numbers(binned, rows)).toEqual([4, 2, 2, 1, 1, 1]);
    expect(numbers({ ...binned, combiner: "mean" }, rows)).toEqual([3, 2, 2, 1, 1, 1]);
  });

  it("keeps all ids, with their keys where asked", () => {
    expect(numbers({ ...feature, buckets: 10 }, rows)).toEqual([[1, 2], [1], [1], [], [], []]);
    expect(numbers({ ...feature, hash: 1000, withKey: true }, rows).slice(0, 2)).toEqual([
      [hash("ca_1"), hash("cb_2")],
      [hash("ca_1")],
    ]);
  });

  it("gives vectors", () => {
    const vectors = [
      { map: "ca:1,2|cb:3,4", key: "ca" },
      { map: "ca:1,2|cb:3,4", key: "ca|cb" },
      { map: "ca:1,2|cb:3,4", key: "cd" },
    ];
    expect(numbers({ ...feature, width: 2 }, vectors)).toEqual([
      [1, 2],
      [4, 6],
      [0, 0],
    ]);
    const { bad } = encode([{ ...feature, width: 3 }], vectors);
    expect(bad.map(({ reason }) => reason)).toEqual(["list of the wrong length", "list of the wrong length"]);
  });

  it("refuses a value that is no number", () => {
    expect(encode([feature], [{ map: "ca:x", key: "ca" }]).bad).toEqual([
      { row: 0, feature: "x", reason: "not a finite number" },
    ]);
  });
});

describe("match", () => {
  const map = "ca^ba:1,bb:2|cb^ba:3,bb:4";
  const feature = { kind: "match", name: "x", map: "map", primary: "p", secondary: "s" } as const;

  it("finds the value of both keys", () => {
    const rows = [
      { map, p: "ca", s: "ba" },
      { map, p: "ca", s: null },
      { map, p: "", s: "" },
      { map: "", p: "ca", s: "ba" },
      { map, p: "ca,cb", s: "bb" },
    ];
    expect(numbers(feature, rows)).toEqual([1, 0, 0, 0, 6]);
    expect(numbers({ ...feature, hash: 1000, withPrimary: true }, rows)[4]).toEqual([
      hash("ca_2"),
      hash("cb_4"),
    ]);
  });

  it("matches every key where it says *", () => {
    expect(numbers({ ...feature, primary: "*" }, [{ map, s: "ba" }])).toEqual([4]);
    expect(numbers({ ...feature, secondary: "*", combiner: "max" }, [{ map, p: "cb" }])).toEqual([4]);
    expect(numbers({ ...feature, primary: "*", secondary: "*" }, [{ map }])).toEqual([10]);
  });
});

describe("overlap", () => {
  const rows = [
    { q: ["abc", "efg"], t: "abc,qwe,rty,uio" },
    { q: "abc,efg", t: "abc,efg,rty" },
    { q: "abc,efg", t: "abc" },
    { q: "abc,efg", t: "abc,efg" },
    { q: "abc,efg", t: "abc,x,efg" },
    { q: "efg,abc", t: "abc,x,efg" },
    { q: "", t: "" },
    { q: null, t: "abc" },
  ];
  it.each([
    ["query_common_ratio", [0.5, 1, 0.5, 1, 1, 1, 0, 0]],
    ["title_common_ratio", [0.25, Math.fround(2 / 3), 1, 1, Math.fround(2 / 3), Math.fround(2 / 3), 0, 0]],
    ["is_contain", [0, 1, 0, 1, 1, 0, 0, 0]],
    ["is_equal", [0, 0, 0, 1, 0, 0, 0, 0]],
  ] as const)("%s", (method, expected) => {
    expect(numbers({ kind: "overlap", name: "x", query: "q", title: "t", method }, rows)).toEqual(expected);
  });
});

it("kvDot is the dot product of sparse vectors, or the size of an intersection", () => {
  const rows = [
    { q: "a:0.5|b:0.5", d: "d:0.5|b:0.5" },
    { q: ["a:0.5", "b:0.5"], d: { d: 0.5, b: 0.5 } },
    { q: ["a", "b", "c"], d: "a|b|d" },
    { q: ["a", "b", "c"], d: { a: 0.5, b: 0.5 } },
    { q: "a|b", d: "" },
  ];
  const feature = { kind: "kvDot", name: "x", query: "q", document: "d", separator: "|" } as const;
  expect(numbers({ ...feature, missing: 0.125 }, rows)).toEqual([0.25, 0.25, 2, 1, 0.125]);
  expect(numbers({ ...feature, delimiter: "=" }, [{ q: "a=2|b=3", d: "a=2|b=2" }])).toEqual([10]);
});

it("mask keeps the values whose flag is true, and refuses flags that do not fit", () => {
  const feature = { kind: "mask", name: "x", input: "v", mask: "m", buckets: 1000 } as const;
  const rows = [
    { v: "123,456,90,80", m: "true,false,true,false" },
    { v: "123,456,90,80", m: [1, 0, 1, 0] },
    { v: [1, 2, 3, 4], m: [true, false, true, false] },
    { v: [1, null, 3], m: [false, true, true] },
    { v: null, m: [true] },
    { v: [1, 2], m: [true] },
    { v: [1], m: ["yes"] },
  ];
  const encoded = encode([feature], rows);
  expect(valuesOf(encoded, "x")).toEqual([[123, 90], [123, 90], [1, 3], [3], [], [], []]);
  expect(encoded.bad.map(({ row, reason }) => [row, reason])).toEqual([
    [5, "list of the wrong length"],
    [6, "not a boolean"],
  ]);
});

it("combo crosses every value with every other", () => {
  const feature = {
    kind: "combo",
    name: "x",
    inputs: ["a", "b"],
    vocabulary: ["ua_ia", "ua_ib", "ub_ia"],
  } as const;
  const rows = [
    { a: "ua,ub", b: "ia,ib" },
    { a: ["ua", "ub"], b: "ia" },
    { a: "ua", b: "" },
    { a: null, b: "ia" },
  ];
  // Values in order of the inputs, the last one fastest; row 3 of the table is that of unknown values.
  expect(numbers(feature as never, rows)).toEqual([[0, 1, 2, 3], [0, 2], [], []]);
});

it("tokenize splits text into words of a vocabulary", () => {
  const vocabulary = ["the", "cat", "sat"];
  const rows = [{ text: "The cat  sat, the END" }, { text: "" }, { text: null }];
  const feature = { kind: "tokenize", name: "x", input: "text", vocabulary } as const;
  expect(numbers({ ...feature, normalizeText: ["lowercase"] } as never, rows)).toEqual([
    [0, 1, 3, 0, 3],
    [],
    [],
  ]);
  const words = { ...feature, tokenizer: { pattern: "\\p{L}+" } } as never;
  expect(numbers(words, rows)).toEqual([[3, 1, 2, 0, 3], [], []]);
});

it("tokenize stops at a pattern that would take years", () => {
  const feature = {
    kind: "tokenize",
    name: "x",
    input: "text",
    tokenizer: { pattern: "(a+)+b" },
    vocabulary: ["b"],
  };
  expect(() => numbers(feature as never, [{ text: "a".repeat(60) }])).toThrow(
    /too long to split a text.*\(a\+\)\+b/s,
  );
}, 20_000);

it("tokenize normalizes a text by the steps given, in their order", () => {
  const vocabulary = ["abc", "鞋", "子", "1"];
  const feature = { kind: "tokenize", name: "x", input: "text", vocabulary } as const;
  const rows = [{ text: "ＡＢＣ　鞋子 １" }];
  const all = numbers({ ...feature, normalizeText: ["halfWidth", "lowercase", "splitHan"] }, rows);
  expect(all).toEqual([[0, 1, 2, 3]]);
  expect(numbers({ ...feature, normalizeText: ["nfkc", { remove: "[鞋子1]" }, "lowercase"] }, rows)).toEqual([
    [0],
  ]);
  expect(numbers({ ...feature, normalizeText: ["lowercase"] }, rows)).toEqual([[4, 4, 4]]);
  expect(numbers({ ...feature, normalizeText: ["removeSpaces"] }, rows)).toEqual([[4]]);
});

it("combine maps texts to numbers and combines them", () => {
  const feature = { kind: "combine", name: "x", input: "tags" } as const;
  const values = { tag1: 1, tag2: 2.5 };
  const rows = [{ tags: "tag1,tag2" }, { tags: ["tag2", "other"] }, { tags: null }];
  expect(numbers({ ...feature, values }, rows)).toEqual([3.5, 2.5, 0]);
  expect(numbers({ ...feature, values, combiner: "min" }, rows)).toEqual([1, 2.5, 0]);
  expect(numbers(feature, [{ tags: "1,2,0.5" }, { tags: 3.25 }])).toEqual([3.5, 3.25]);
  expect(
    numbers({ ...feature, values: { a: 1, b: 2 }, buckets: 10 }, [{ tags: "a,b" }, { tags: "z" }]),
  ).toEqual([[3], []]);
});

describe("expression", () => {
  const feature = {
    kind: "expression",
    name: "x",
    variables: ["u", "i"],
    expression: "u == i ? 1 : 0",
  } as const;
  it("computes over several columns; a missing one makes it missing", () => {
    const rows = [
      { u: 18, i: 18 },
      { u: "18", i: 20 },
      { u: null, i: 18 },
    ];
    expect(numbers(feature as never, rows)).toEqual([1, 0, 0]);
    expect(numbers({ ...feature, missing: 7 } as never, rows)).toEqual([1, 0, 7]);
  });

  it("has no value for texts that are no numbers and for NaN, also where it compares them, unless it asks for NaN", () => {
    const rows = [
      { u: "a", i: "b" },
      { u: Number.NaN, i: 1 },
      { u: "1", i: true },
    ];
    expect(encode([feature] as never, rows).bad.map(({ row }) => row)).toEqual([0, 1]);
    expect(numbers({ ...feature, nonFinite: "impute", missing: 7 } as never, rows)).toEqual([7, 7, 1]);
    expect(numbers({ ...feature, expression: "isnan(u) + isnan(i)" } as never, rows)).toEqual([2, 1, 0]);
  });

  it("names columns as it likes, and reads other features", () => {
    const features: FeatureInput[] = [
      {
        kind: "expression",
        name: "ratio",
        variables: {
          clicks: { column: "user clicks" },
          age: { feature: "age_bin" },
          l: { feature: "logged" },
        },
        expression: "clicks / (1 + age) + l",
      },
      { kind: "number", name: "age_bin", column: "age", boundaries: [10, 20] },
      { kind: "number", name: "logged", column: "n", normalize: { expression: "x * 2" } },
    ];
    const rows = [
      { "user clicks": 6, age: 15, n: 1 },
      { "user clicks": 6, age: 25, n: 0 },
    ];
    expect(valuesOf(encode(features, rows), "ratio")).toEqual([5, 2]);
  });
});

it("a feature reads texts of another before they are hashed, and what it computed", () => {
  const features: FeatureInput[] = [
    { kind: "lookup", name: "hits", map: "map", key: { feature: "cross" } },
    { kind: "combo", name: "cross", inputs: [{ feature: "city" }, { feature: "tags" }], hash: 100 },
    { kind: "id", name: "city", hash: 10 },
    { kind: "ids", name: "tags", hash: 10, separator: "|" },
  ];
  const rows = [{ map: "ulm_a:2,ulm_b:3,bonn_a:5", city: "ulm", tags: "a|b|c" }];
  expect(valuesOf(encode(features, rows), "hits")).toEqual([5]);
});

describe("custom", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pairloom-custom-"));
    writeFileSync(
      join(folder, "distance.ts"),
      `type Column<T> = readonly (T | undefined)[];
      /** How many places of two texts differ. */
      export function hamming([left, right]: Column<string>[]): (number | undefined)[] {
        return left.map((a, row) => {
          const b = right[row];
          if (a === undefined || b === undefined) return undefined;
          return [...a].filter((letter, i) => letter !== b[i]).length;
        });
      }
      export default ([words, count]: [Column<string[]>, Column<number>], params: { prefix: string }) =>
        words.map((list, row) => list?.slice(0, count[row]).map((word) => params.prefix + word));
      export const short = () => [];`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const custom = (over: object) =>
    ({
      kind: "custom",
      name: "x",
      module: join(folder, "distance.ts"),
      inputs: ["a", "b"],
      ...over,
    }) as FeatureInput;

  it("runs a function of a TypeScript module over the rows", () => {
    const rows = [
      { a: "abc", b: "axx" },
      { a: "abc", b: null },
      { a: 12, b: 13 },
    ];
    expect(numbers(custom({ export: "hamming", missing: -1 }), rows)).toEqual([2, -1, 1]);
  });

  it("hands on lists, numbers and parameters, and takes ids", () => {
    const inputs = [
      { column: "a", as: "texts", separator: " " },
      { column: "n", as: "number" },
    ];
    const feature = custom({ inputs, hash: 1000, params: { prefix: "p" } });
    expect(
      numbers(feature, [
        { a: "u v w", n: 2 },
        { a: null, n: 1 },
      ]),
    ).toEqual([[hash("pu"), hash("pv")], []]);
  });

  it("says what is wrong with a module, a name or a result", () => {
    expect(() => encode([custom({ export: "nope" })], [])).toThrow(/exports .*hamming[\s\S]*nope/);
    expect(() => encode([custom({ module: "nowhere.ts" })], [])).toThrow(ConfigError);
    expect(() => encode([custom({ export: "short" })], [{}])).toThrow(/0 values[\s\S]*an array of 1 values/);
  });
});

describe("featuresSchema on derived features", () => {
  const problems = (...features: unknown[]) => {
    const { error } = featuresSchema.safeParse(features);
    return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n");
  };
  const reads = (name: string, feature: string) => ({
    kind: "expression",
    name,
    variables: { v: { feature } },
    expression: "v",
  });
  const lookup = { kind: "lookup", name: "x", map: "m", key: "k" };

  it("allows chains that are longer than the stack, and shows both ends of a long cycle", () => {
    const chain = (last: string) =>
      Array.from({ length: 12_000 }, (_, i) => reads(`f${i}`, i === 11_999 ? last : `f${i + 1}`));
    expect(featuresSchema.safeParse([...chain("end"), { kind: "number", name: "end" }]).success).toBe(true);
    expect(problems(...chain("f0"))).toMatch(
      /^0: the feature reads itself: f0 <- f1 <- .* <- … <- .* <- f0$/,
    );
  });

  it.each<[string, unknown[], RegExp]>([
    [
      "a cycle",
      [reads("a", "b"), reads("b", "c"), reads("c", "a")],
      /0: the feature reads itself: a <- b <- c <- a/,
    ],
    ["itself", [reads("a", "a")], /reads itself: a <- a/],
    ["no such feature", [reads("a", "z")], /0: there is no feature "z" to read/],
    [
      "numbers' keys beside a mapping",
      [{ ...lookup, hash: 9, normalize: "log" }],
      /0\.normalize: .*for numbers/,
    ],
    ["ids' keys without a mapping", [{ ...lookup, pooling: "mean" }], /0\.pooling: .*for ids/],
    ["two mappings", [{ ...lookup, hash: 9, buckets: 4 }], /got hash and buckets/],
    ["a table for a plain number", [{ ...lookup, dim: 4 }], /0\.dim: dim needs boundaries/],
    ["withKey for numbers", [{ ...lookup, withKey: true }], /0\.withKey/],
    ["tokens without a mapping", [{ kind: "tokenize", name: "x", input: "t" }], /exactly one of hash/],
    [
      "a bad pattern",
      [{ kind: "tokenize", name: "x", input: "t", hash: 9, tokenizer: { pattern: "(" } }],
      /0\.tokenizer/,
    ],
    [
      "an unknown name in an expression",
      [{ kind: "expression", name: "x", variables: ["a"], expression: "a + b" }],
      /0\.expression/,
    ],
  ])("refuses %s", (_, features, message) => {
    expect(problems(...features)).toMatch(message);
  });

  it("takes the path from one feature to another twice without calling it a cycle", () => {
    const both = {
      kind: "expression",
      name: "d",
      variables: { l: { feature: "b" }, r: { feature: "c" } },
      expression: "l + r",
    };
    expect(problems(both, reads("b", "a"), reads("c", "a"), { kind: "number", name: "a" })).toBe("");
  });
});

it("a value may stand in bags without ids", () => {
  const bag = { kind: "ids", name: "x", buckets: 10, missing: { value: 7 } } as const;
  const rows = [{ x: "1,2" }, { x: "" }, { x: null }, { x: [null] }];
  expect(numbers(bag, rows)).toEqual([[1, 2], [7], [7], [7]]);
  const found = {
    kind: "lookup",
    name: "x",
    map: "m",
    key: "k",
    hash: 1000,
    missing: { value: "none" },
  } as const;
  expect(
    numbers(found, [
      { m: "a:1", k: "a" },
      { m: "a:1", k: "b" },
    ]),
  ).toEqual([[hash("1")], [hash("none")]]);
  expect(() => encode([{ ...bag, missing: { value: 10 } }], [])).toThrow(/refused by the feature itself/);
});

it("a missing vector becomes one number, or the vector of its own that missing gives", () => {
  const rows = [{ v: [3, 5] }, { v: null }, { v: "" }];
  const feature = { kind: "number", name: "v", width: 2, normalize: { mean: 1, std: 2 } } as const;
  expect(numbers({ ...feature, missing: 3 }, rows)).toEqual([
    [1, 2],
    [1, 1],
    [1, 1],
  ]);
  expect(numbers({ ...feature, missing: [0, 4] }, rows)).toEqual([
    [1, 2],
    [-0.5, 1.5],
    [-0.5, 1.5],
  ]);
  // A number that is missing within a vector has no stand-in then.
  expect(encode([{ ...feature, missing: [0, 4] }], [{ v: [null, 1] }]).bad.length).toBe(1);
  for (const wrong of [{ missing: [1] }, { missing: [1, 2, 3] }, { width: 1, missing: [1] }])
    expect(() => featuresSchema.parse([{ ...feature, ...wrong }])).toThrow(/a list of values needs width/);
});

it("vectors stand in one text too", () => {
  const feature = { kind: "number", name: "v", width: 3, separator: "|", missing: 9 } as const;
  const rows = [{ v: "0.5|2|-1" }, { v: [1, 2, 3] }, { v: "" }, { v: "1||3" }];
  expect(numbers(feature, rows)).toEqual([
    [0.5, 2, -1],
    [1, 2, 3],
    [9, 9, 9],
    [1, 9, 3],
  ]);
  expect(encode([feature], [{ v: "1|2" }]).bad[0].reason).toBe("list of the wrong length");
});
