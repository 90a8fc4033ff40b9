import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinRows } from "../../columns/select.js";
import { packRows } from "../../features/encoder.js";
import { fitFeatures } from "../../features/fit.js";
import { featuresSchema } from "../../features/schema/features.js";
import { sourceSchema } from "../data-config.js";
import { type ScanBatch, type ScanOptions, scanSource } from "./scan.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-scan-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fitted = fitFeatures(
  featuresSchema.parse([
    { kind: "id", name: "user", hash: 100_003 },
    { kind: "number", name: "x" },
    { kind: "ids", name: "tags", hash: 1009, separator: "|" },
  ]),
  { vocabularies: {}, numbers: {} },
);

async function scan(source: unknown, options?: ScanOptions): Promise<ScanBatch[]> {
  const batches: ScanBatch[] = [];
  for await (const batch of scanSource(sourceSchema.parse(source), fitted, options)) batches.push(batch);
  return batches;
}

describe("scanSource", () => {
  it("gives batches of the asked size, equal to encoded rows, with columns handed on", async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({
      id: i,
      user: `user number ${i}`,
      x: i / 4,
      tags: [`t${i % 10}`, "a tag of some length"].slice(0, i % 3),
    }));
    const batches = await scan({ rows }, { batchRows: 1999, passthrough: ["id", "user"] });
    expect(batches.map(({ columns }) => columns.rows)).toEqual([1999, 1999, 1002]);
    expect(batches.flatMap(({ passthrough }) => passthrough.get("id"))).toEqual(rows.map(({ id }) => id));
    expect(batches.flatMap(({ passthrough }) => passthrough.get("user"))).toEqual(
      rows.map(({ user }) => user),
    );
    let start = 0;
    for (const { columns } of batches) {
      const { bad, ...expected } = packRows(fitted, rows.slice(start, start + columns.rows));
      expect(bad).toEqual([]);
      expect(joinRows([columns])).toEqual(joinRows([expected])); // the memory of a batch may have room for more
      start += columns.rows;
    }
  });

  it("leaves bad rows out and names them; malformed ones are counted at the end", async () => {
    const path = join(folder, "bad.csv");
    writeFileSync(path, "user,x,tags,y\na,1,,1\nb,inf,,0\nc,1,,1,1\nd,2,p|q,\ne,3,,1\n");
    const batches = await scan({ path }, { label: "y", passthrough: ["user", "y"] });
    expect(batches).toHaveLength(1);
    const [{ columns, passthrough, rowNumbers, bad, malformed }] = batches;
    expect(columns.rows + bad.length + malformed).toBe(5);
    expect(passthrough.get("user")).toEqual(["a", "e"]);
    expect(passthrough.get("y")).toEqual([1, 1]);
    expect(rowNumbers).toEqual([1, 4]);
    expect(bad).toEqual([
      {
        file: path,
        line: 3,
        row: 2,
        feature: "x",
        columns: ["x"],
        reason: "not a finite number",
        value: "inf",
      },
      {
        file: path,
        line: 5,
        row: 3,
        feature: "@label",
        columns: ["y"],
        reason: "missing value",
        value: null,
      },
    ]);
    expect(malformed).toBe(1);
  });

  it("needs no label to predict", async () => {
    const [{ columns }] = await scan({ rows: [{ user: "a", x: 1, tags: null }] });
    expect([...columns.columns.keys()].sort()).toEqual(["tags", "user", "x"]);
  });

  it("stops when its reader stops", async () => {
    const rows = Array.from({ length: 20_000 }, () => ({ user: "a", x: 1, tags: "p" }));
    for await (const { columns } of scanSource({ rows }, fitted, { batchRows: 10 })) {
      expect(columns.rows).toBe(10);
      break;
    }
  });

  it("hands texts of every length on unchanged", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((s) => s !== "" && !s.includes("\0"));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 300 }), async (texts) => {
        const rows = texts.map((user) => ({ user, x: 0, tags: [user, user] }));
        const batches = await scan({ rows }, { passthrough: ["user"] });
        expect(batches.flatMap(({ passthrough }) => passthrough.get("user"))).toEqual(texts);
      }),
      { numRuns: 10 },
    );
  });

  it("names a passed column that is not there", async () => {
    await expect(scan({ rows: [{ user: "a", x: 1, tags: "" }] }, { passthrough: ["usr"] })).rejects.toThrow(
      /passthrough: [\s\S]*user/,
    );
  });
});
