import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { ColumnSet } from "../columns/columns.js";
import { ConfigError } from "../errors.js";
import { packRows, type RawRow } from "../features/encoder.js";
import type { FittedFeatures } from "../features/fitted.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { type DataInput, dataSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";

const root = mkdtempSync(join(tmpdir(), "pairloom-weighted-"));
let cases = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

function prepare(data: DataInput, features: FeatureInput[]) {
  const cacheDir = join(root, String(cases++));
  const parsed = dataSchema.parse({ cacheDir, maxBadRows: 1, ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features) });
}

/** `[id, weight]` of every bag, row by row; 1 where the column has no weights. */
function bagsOf(set: ColumnSet, name: string): [number, number][][] {
  const column = set.columns.get(name)!;
  if (column.kind !== "ids") return expect.unreachable(`${name} is no bag`);
  const entries = Array.from(column.values as Int32Array, (id, i): [number, number] => [
    id,
    column.weights?.[i] ?? 1,
  ]);
  return Array.from({ length: set.rows }, (_, r) =>
    entries.slice(Number(column.offsets[r]), Number(column.offsets[r + 1])),
  );
}

/** Of one feature on rows of JavaScript. */
function encode(features: FittedFeatures, name: string, values: readonly unknown[]) {
  const rows = values.map((value): RawRow => ({ [name]: value }));
  const encoded = packRows(features, rows);
  return { bags: bagsOf(encoded, name), bad: encoded.bad };
}

const words: FeatureInput = {
  ...{ kind: "ids", name: "f", vocabulary: ["a", "b", "x:y"], outOfVocabulary: "refuse" },
  ...{ weighted: true, separator: "|" },
};

describe("weighted ids", () => {
  it("are read from every form, in files as in JavaScript", async () => {
    const path = join(root, "forms.parquet");
    const duck = await (await DuckDBInstance.create()).connect();
    await duck.run(`COPY (SELECT 1 AS y, * FROM (VALUES
      ('a:0.5|b:2', ['a:0.5', 'b:2'], MAP {'a': 0.5, 'b': 2.0},
        [{key: 'a', value: 0.5::FLOAT}, {key: 'b', value: 2}], ['a', 'b']),
      (NULL, NULL, NULL, NULL, NULL),
      ('', [], MAP {}, [], []),
      ('x:y:-1e-3|:7||a', ['x:y:-1e-3', ':7', NULL, 'a:1'], MAP {'x:y': -1e-3, '': 7, 'a': 1},
        [{key: 'x:y', value: -1e-3}, {key: NULL, value: 7}, NULL, {key: 'a', value: 1}], ['b'])
      ) t(text, texts, map, entries, alone)) TO '${path}' (FORMAT parquet)`);
    const names = ["text", "texts", "map", "entries", "alone"];
    const features = names.map((name) => ({ ...words, name }) as FeatureInput);
    const { splits, features: fitted } = await prepare({ train: { path }, label: "y" }, features);
    const both = [
      [0, 0.5],
      [1, 2],
    ];
    const odd = [
      [2, Math.fround(-1e-3)],
      [0, 1],
    ];
    for (const name of ["text", "texts", "map", "entries"])
      expect([name, bagsOf(splits.train, name)]).toEqual([name, [both, [], [], odd]]);
    const ones = [
      [0, 1],
      [1, 1],
    ];
    expect(bagsOf(splits.train, "alone")).toEqual([ones, [], [], [[1, 1]]]);
    const values = [
      "a:0.5|b:2",
      ["a:0.5", "b:2"],
      { a: 0.5, b: 2 },
      new Map(Object.entries({ a: "0.5", b: 2 })),
      [
        { key: "a", value: 0.5 },
        { key: "b", value: 2n },
      ],
    ];
    const one = { ...fitted, features: fitted.features.slice(0, 1) };
    expect(encode(one, "text", values).bags).toEqual(values.map(() => both));
    expect(encode(one, "text", ["x:y:-1e-3|:7||a", null, "", {}, []]).bags).toEqual([odd, [], [], [], []]);
  });

  it("go with the id: cut at maxLength, 1 for the value that stands for a missing one", async () => {
    const rows = ["b:3|a:2|b:4", null, ":9"].map((f) => ({ f, y: 1 }));
    const feature = { ...words, maxLength: 2, missing: { value: "b" } } as FeatureInput;
    const { splits } = await prepare({ train: { rows }, label: "y" }, [feature]);
    const kept = [
      [1, 3],
      [0, 2],
    ];
    expect(bagsOf(splits.train, "f")).toEqual([kept, [[1, 1]], [[1, 1]]]);
  });

  it("are read from a column of several forms, with times, as in JavaScript", async () => {
    const time = new Date("2001-01-31T08:15:00Z");
    const values = [
      ...["a:2|x:y:0.5", "a", 7, 12345678901234567890n, time, [time, "a:3"], time.toISOString()],
      ...[{ a: 0.5, "x:y": "2" }, new Map<unknown, unknown>([[7, 2]]), {}],
      ...[[{ key: "a", value: 0.5 }, "x:y:2"], [{ key: null, value: 1 }], [{ key: 7, value: true }]],
      ...[null, [], [null], true, new Date("2001-01-31")],
      // Refused:
      ...[{ a: "x" }, { a: null }, [{ key: "a" }], [{ key: "a", value: null }], [["a"]], "a:1Z"],
      ...[[{ key: {}, value: 1 }], { a: {} }, { key: "a", value: 1 }],
    ];
    const refused = 9;
    const feature: FeatureInput = { kind: "ids", name: "f", hash: 1_000_003, weighted: true, separator: "|" };
    // A column of one form, and one of all.
    for (const column of [[time], [time, "a:2"], [[time]], [{ a: 1 }, { b: "2" }], values]) {
      const rows = column.map((f) => ({ f, y: 1 }));
      const { features, splits } = await prepare({ train: { rows }, label: "y" }, [feature]);
      const { bags, bad } = encode(features, "f", column);
      const isBad = new Set(bad.map(({ row }) => row));
      expect(isBad.size).toBe(column === values ? refused : 0);
      expect(bagsOf(splits.train, "f")).toEqual(bags.filter((_, row) => !isBad.has(row)));
      expect(splits.train.quarantined).toBe(isBad.size);
    }
  });

  it("learn their vocabulary from the ids", async () => {
    const rows = ["rare:100", "often:1|some:2", "often:-1", "often|some:0"].map((f) => ({ f, y: 0 }));
    const feature: FeatureInput = {
      ...{ kind: "ids", name: "f", vocabulary: { minCount: 2 } },
      ...{ weighted: true, separator: "|", outOfVocabulary: "bucket" },
    };
    const { features, splits } = await prepare({ train: { rows }, label: "y" }, [feature]);
    expect(features.vocabularies.f).toEqual(["often", "some"]);
    expect(bagsOf(splits.train, "f")[0]).toEqual([[2, 100]]);
  });

  it("quarantine a row with a weight that is no finite number, with file and line's row", async () => {
    const bad = ["a:x", "a:", "b:1|a:nan", "a:inf", "a:1e39", "a:1_0"];
    const path = join(root, "bad.csv");
    writeFileSync(path, ["y,f", "1,a:1", ...bad.map((f) => `1,${f}`), ""].join("\n"));
    const { splits, features } = await prepare({ train: { path }, label: "y" }, [words]);
    const lines = readFileSync(splits.train.quarantinePath, "utf8").trim().split("\n");
    const reason = "an id's weight is not a finite number";
    expect(lines.map((line) => JSON.parse(line))).toMatchObject(
      bad.map((_, i) => ({ row: i + 2, feature: "f", columns: ["f"], reason })),
    );
    expect(JSON.parse(lines[2]).value).toBe("b:1|a:nan");
    expect(splits.train.rows).toBe(1);
    const values = [...bad, { a: Number.NaN }, { a: null }, new Map([["a", "x"]]), [{ key: "a", value: {} }]];
    expect(encode(features, "f", values).bad).toEqual(
      values.map((_, row) => ({ row, feature: "f", reason })),
    );
  });

  it("name the column that cannot be read so", async () => {
    const rows = [{ f: [["a"]], y: 1 }];
    const error = await prepare({ train: { rows }, label: "y" }, [words]).catch((e) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/features\[0\]\.column: .*wrong type[\s\S]*a list of \{ key, value \}/);
  });

  it("are packed as they are encoded, and refused for the same reasons; other features read the ids", async () => {
    const id = fc.oneof(fc.constantFrom("a", "é✓:z", "7"), fc.string({ unit: "grapheme", maxLength: 20 }));
    // JSON has no negative zero.
    const good = fc.double({ noNaN: true, min: -9, max: 9 }).map((x) => x + 0);
    const rare = fc.constantFrom("", ":", ":x", ":1e39", ": 2 ", ":-inf", ":.5");
    const suffix = fc.oneof({ weight: 20, arbitrary: good.map((w) => `:${w}`) }, rare);
    const entry = fc.record({
      key: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 9 }),
      value: fc.oneof({ weight: 20, arbitrary: good }, fc.constantFrom(Number.NaN, 1e200, "x")),
    });
    const row = fc.record({
      text: fc.option(fc.array(fc.tuple(id, suffix).map((parts) => parts.join(""))).map((x) => x.join("|"))),
      map: fc.option(fc.dictionary(id, fc.oneof({ weight: 20, arbitrary: good }, fc.constant(null)))),
      entries: fc.option(fc.array(entry, { maxLength: 4 })),
      y: fc.constant(1),
    });
    const whole = { text: "a:2", map: { a: 0.5, b: "2" }, entries: [{ key: 1, value: "1.5" }], y: 1 };
    const features: FeatureInput[] = [
      { kind: "ids", name: "text", hash: 997, weighted: true, separator: "|", maxLength: 3 },
      { kind: "ids", name: "map", vocabulary: ["a", "é✓:z"], weighted: true, missing: { value: "a" } },
      { kind: "ids", name: "entries", buckets: 9, outOfRange: "bucket", weighted: true },
      { kind: "combo", name: "ids", inputs: [{ feature: "text" }, { feature: "entries" }], hash: 1009 },
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 60 }), async (random) => {
        const rows = [whole, ...random];
        const { features: fitted, splits } = await prepare({ train: { rows }, label: "y" }, features);
        const encoded = packRows(fitted, rows, { label: "y" });
        const lines = readFileSync(splits.train.quarantinePath, "utf8").split("\n").filter(Boolean);
        const refused = lines.map((line) => JSON.parse(line));
        expect(encoded.bad.map((cell) => ({ ...cell, row: cell.row + 1 }))).toEqual(
          refused.map(({ row, feature, reason }) => ({ row, feature, reason })),
        );
        const bad = new Set(encoded.bad.map(({ row }) => row));
        for (const { name } of features)
          expect(bagsOf(splits.train, name)).toEqual(bagsOf(encoded, name).filter((_, r) => !bad.has(r)));
      }),
      { numRuns: 12 },
    );
  });
});
