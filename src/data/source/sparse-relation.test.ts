import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { BagColumn, FloatColumn } from "../../columns/columns.js";
import { type FeatureInput, featuresSchema } from "../../features/schema/features.js";
import { type DataInput, dataSchema } from "../data-config.js";
import { prepareData } from "../prepare.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-sparse-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function prepare(data: Partial<DataInput>, ...columns: string[]) {
  const parsed = dataSchema.parse({
    label: "label",
    maxBadRows: 1,
    cacheDir: join(folder, "cache"),
    ...data,
  });
  const features = columns.map(
    (column): FeatureInput => ({ kind: "ids", name: column, weighted: true, buckets: 1000 }),
  );
  return prepareData({ data: parsed, features: featuresSchema.parse(features), labels: "real" });
}

type Split = Awaited<ReturnType<typeof prepare>>["splits"]["train"];

function labels({ columns, rows }: Split): number[] {
  const { data, offset, stride } = columns.get("@label") as FloatColumn;
  return Array.from({ length: rows }, (_, r) => data[offset + r * stride]);
}

/** The pairs [index, value] of each row. */
function pairs({ columns, rows }: Split, name: string): number[][][] {
  const { values, weights, offsets } = columns.get(name) as BagColumn;
  return Array.from({ length: rows }, (_, r) => {
    const [start, end] = [Number(offsets[r]), Number(offsets[r + 1])];
    return Array.from({ length: end - start }, (_, i) => [Number(values[start + i]), weights![start + i]]);
  });
}

const quarantine = (split: Split) =>
  readFileSync(split.quarantinePath, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

it("reads the rows of LIBSVM files exactly", async () => {
  const row = fc.record({
    label: fc.constantFrom(0, 1, -1, 0.5),
    pairs: fc.array(
      fc.tuple(fc.integer({ min: 0, max: 999 }), fc.float({ noNaN: true, noDefaultInfinity: true })),
      { maxLength: 8 },
    ),
    end: fc.constantFrom("\n", " \n", " # 7:1 \n", "\n\n", "\n# note\n"),
    gap: fc.constantFrom(" ", "\t", "  "),
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), fc.boolean(), async (rows, isZipped) => {
      const text = rows
        .map(({ label, pairs, end, gap }) => [label, ...pairs.map(([i, x]) => `${i}:${x}`)].join(gap) + end)
        .join("");
      const name = `${run++}.svm${isZipped ? ".gz" : ""}`;
      const { splits } = await prepare(
        { train: { path: write(name, isZipped ? gzipSync(text) : text) } },
        "features",
      );
      expect(labels(splits.train)).toEqual(rows.map(({ label }) => label));
      expect(pairs(splits.train, "features").map((row) => row.map(([i, x]) => [i, x + 0]))).toEqual(
        rows.map((row) => row.pairs.map(([i, x]) => [i, x + 0])),
      );
    }),
    { numRuns: 25 },
  );
});

it("reads the fields of LIBFFM files that the config names", async () => {
  const path = write("a.ffm", "1 0:5:1 1:7:0.5 0:6:2 12:8:1\n0 1:9:0.25\n0\n");
  const { splits } = await prepare({ train: { path } }, "field0", "field1", "field12");
  expect(labels(splits.train)).toEqual([1, 0, 0]);
  expect(pairs(splits.train, "field0")).toEqual([
    [
      [5, 1],
      [6, 2],
    ],
    [],
    [],
  ]);
  expect(pairs(splits.train, "field1")).toEqual([[[7, 0.5]], [[9, 0.25]], []]);
  expect(pairs(splits.train, "field12")).toEqual([[[8, 1]], [], []]);
});

it("divides one source by predicates, or reads a source per split", async () => {
  const path = write("split.libsvm", "-1 qid:1 3:1\n1 qid:1 4:0.5\n1 qid:2 5:1\n");
  const sql = "SELECT * REPLACE (label > 0 AS label) FROM source";
  const split = { train: "qid = '1'", test: "qid = '2'" };
  const divided = (await prepare({ source: { path, sql }, split }, "features")).splits;
  expect([labels(divided.train), labels(divided.test!)]).toEqual([[0, 1], [1]]);
  const test = { path: write("test.txt", "0 7:3\n"), format: "libsvm" } as const;
  const separate = (await prepare({ train: { path }, test }, "features")).splits;
  expect([labels(separate.train), pairs(separate.test!, "features")]).toEqual([[-1, 1, 1], [[[7, 3]]]]);
});

it("quarantines lines that are not of the format, and refused rows, with their lines", async () => {
  const paths = [
    write("bad-1.svm", "1 3:1\n\n1 3:x\n# note\n0 4:1 5\n1 1000:1\n1 5:1\n"),
    write("bad-2.svm", "x 3:1\n1 6:1\n1 -1:1\n0 2000:1 # far\n"),
  ];
  const { train } = (await prepare({ train: { path: paths } }, "features")).splits;
  expect(train.rows).toBe(3);
  expect(quarantine(train)).toMatchObject([
    { file: paths[0], line: 6, feature: "features", reason: "integer outside [0, buckets)" },
    { file: paths[1], line: 4, feature: "features" },
    { file: paths[0], line: 3, value: "1 3:x" },
    { file: paths[0], line: 5, value: "0 4:1 5" },
    { file: paths[1], line: 1, value: "x 3:1" },
    { file: paths[1], line: 3, value: "1 -1:1" },
  ]);
});
