import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { FeatureInput } from "../../features/schema/features.js";
import { featuresSchema } from "../../features/schema/features.js";
import { dataSchema, sourceSchema } from "../data-config.js";
import { prepareData } from "../index.js";
import { scanSource } from "./scan.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-invalid-texts-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lines 2 to 6; each of the columns y, a, b and c has at most one text that is not UTF-8. */
function write(invalid: Readonly<Record<string, number>>): string {
  const names = ["y", "a", "b", "c"];
  const cell = (name: string, line: number) =>
    invalid[name] === line ? "\xff" : name === "y" ? `${line % 2}` : `${name}${line}`;
  const lines = [2, 3, 4, 5, 6].map((line) => names.map((name) => cell(name, line)).join(","));
  const path = join(folder, `${JSON.stringify(invalid).replace(/\W/g, "")}.csv`);
  writeFileSync(path, Buffer.from([names.join(","), ...lines, ""].join("\n"), "latin1"));
  return path;
}

async function readTwice(path: string, names: readonly string[], sql?: string) {
  const features = featuresSchema.parse(
    names.map((name): FeatureInput => ({ kind: "id", name, vocabulary: { minCount: 1 } })),
  );
  const train = { path, ...(sql && { sql }) };
  const data = dataSchema.parse({ train, label: "y", cacheDir: join(folder, "cache"), maxBadRows: 1 });
  const trained = await prepareData({ data, features });
  const places: unknown[] = [];
  let rows = 0;
  for await (const batch of scanSource(sourceSchema.parse(train), trained.features)) {
    rows += batch.columns.rows;
    places.push(...batch.malformedRows.map(({ line, column }) => [line, column]));
  }
  return { trained: trained.splits.train.rows, rows, places };
}

it.each([
  ["the only column read", { a: 4 }, ["a"], [[4, "a"]]],
  ["one of several", { b: 3 }, ["a", "b"], [[3, "b"]]],
  ["the last column", { c: 6 }, ["c"], [[6, "c"]]],
  [
    "columns that are not side by side",
    { a: 2, c: 5 },
    ["a", "c"],
    [
      [2, "a"],
      [5, "c"],
    ],
  ],
  ["a column that nothing reads", { a: 2 }, ["b"], []],
  ["columns after the last that is read", { c: 2 }, ["a"], []],
])(
  "refuses the rows with bytes that are not UTF-8, in training and after it: %s",
  async (_, invalid, names, places) => {
    const rows = 5 - places.length;
    expect(await readTwice(write(invalid), names)).toEqual({ trained: rows, rows, places });
  },
);

it("refuses them where sql reads the column", async () => {
  const read = await readTwice(write({ b: 3 }), ["t"], "SELECT y, upper(b) AS t FROM source");
  expect(read).toEqual({ trained: 4, rows: 4, places: [[3, "b"]] });
});
