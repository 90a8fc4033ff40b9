import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fitFeatures } from "../../features/fit.js";
import { type FeatureInput, featuresSchema } from "../../features/schema/features.js";
import { type SourceInput, sourceSchema } from "../data-config.js";
import { scanSource } from "./scan.js";

/** Numbers of JSON files as ids: every digit counts, or the file is refused. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-digits-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Reads a source with one feature; the number of its rows. */
async function read(source: SourceInput, feature: FeatureInput): Promise<number> {
  const fitted = fitFeatures(featuresSchema.parse([feature]), { vocabularies: {}, numbers: {} });
  let rows = 0;
  for await (const { columns } of scanSource(sourceSchema.parse(source), fitted)) rows += columns.rows;
  return rows;
}

const LONG = "0.12345678901234567890";
const id: FeatureInput = { kind: "id", name: "f", column: "c", hash: 100 };
const bag: FeatureInput = { kind: "ids", name: "f", column: "c", hash: 100 };
const weighted: FeatureInput = { kind: "ids", name: "f", column: "c", hash: 100, weighted: true };

describe("a fraction of more digits than a double holds", () => {
  it.each<[string, FeatureInput, string]>([
    ["an id", id, LONG],
    ["an id with an exponent", id, "9007199254740993e0"],
    ["an element of a bag", bag, `[1, ${LONG}]`],
    ["the only element of a bag", bag, LONG],
    ["the id of a weighted element", weighted, `[{"key": ${LONG}, "value": 1}]`],
  ])("is refused as %s", async (_, feature, value) => {
    for (const others of ["1", '"a"', "0.5"]) {
      const path = write("long.jsonl", `{"c": ${others}, "d": 1}\n{"c": ${value}, "d": 1}\n`);
      const what =
        /column c has more digits [\s\S]*long\.jsonl[\s\S]*Write the values of the column as texts/;
      await expect(read({ path }, feature)).rejects.toThrow(what);
      const sql = "SELECT *, c IS NULL AS e FROM source";
      if (feature === id) await expect(read({ path, sql }, feature)).rejects.toThrow(what);
    }
  });

  it("is refused in compressed files and in one array", async () => {
    const path = write("long.json.gz", gzipSync(`[{"c": 1}, {"c": ${LONG}}]`));
    await expect(read({ path }, id)).rejects.toThrow(LONG);
  });

  it.each<[string, FeatureInput, string]>([
    ["a number", { kind: "number", name: "f", column: "c" }, LONG],
    ["a weight", weighted, `{"a": ${LONG}}`],
    ["a weight in a list", weighted, `[{"key": "a", "value": ${LONG}}]`],
    ["a text", id, `"${LONG}"`],
    ["a text that looks like JSON", id, String.raw`"\", \"c\": ${LONG}, \""`],
    ["another column", id, `1.5, "d": ${LONG}`],
    ["an integer of any size", id, "123456789012345678901234567890"],
    ["zeros at the end", id, "0.50000000000000000000"],
    ["beside what only DuckDB reads", id, `NaN, "d": [${LONG},],`],
  ])("is read as %s", async (_, feature, value) => {
    const path = write("read.jsonl", `{"c": ${value}}\n`);
    expect(await read({ path }, feature)).toBe(1);
  });
});

it("the text that JavaScript writes for a number is always read", async () => {
  const limit = 2 ** 53;
  const double = fc.double({ noNaN: true, min: -limit, max: limit, minExcluded: true, maxExcluded: true });
  const lines = fc.sample(double, 500).map((c) => JSON.stringify({ c }));
  expect(await read({ path: write("doubles.jsonl", lines.join("\n")) }, id)).toBe(500);
});
