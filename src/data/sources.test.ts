import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FloatColumn, IdColumn } from "../columns/columns.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { type DataInput, dataSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";
import { Duck, quoteText } from "./source/duckdb.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-sources-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function prepare(data: DataInput, features: FeatureInput[]) {
  const parsed = dataSchema.parse({ cacheDir: join(folder, "cache"), ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features) });
}

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const user: FeatureInput = { kind: "id", name: "user", vocabulary: {} };

describe("sources", () => {
  it("reads headerless, gzipped, tab-separated and odd-null files", async () => {
    const gz = write("a.tsv.gz", gzipSync("1\tu\t\\N\n0\tv\t2\n"));
    const { splits, features } = await prepare(
      { train: { path: gz, columns: ["y", "user", "x"], nullValues: ["\\N"] }, label: "y" },
      [user, { kind: "number", name: "x", missing: -1 }],
    );
    expect(features.vocabularies.user).toEqual(["u", "v"]);
    const x = splits.train.columns.get("x") as FloatColumn;
    expect([0, 1].map((r) => x.data[x.offset + r * x.stride])).toEqual([-1, 2]);
  });

  it("reads globs in name order, by column name, and says which file a bad row is in", async () => {
    write("part-2.csv", "user,y\nb,1\nc,\n");
    write("part-1.csv", "y,user\n0,a\n1,a\n");
    const { splits, features } = await prepare(
      { train: { path: join(folder, "part-*.csv") }, label: "y", maxBadRows: 1 },
      [user],
    );
    expect(features.vocabularies.user).toEqual(["a", "b", "c"]);
    expect(splits.train.rows).toBe(3);
    const lines = readFileSync(splits.train.quarantinePath, "utf8");
    expect(JSON.parse(lines)).toMatchObject({ file: join(folder, "part-2.csv"), row: 4, feature: "@label" });
  });

  it("reads JSON lines with lists and texts that look like dates", async () => {
    const path = write(
      "r.jsonl",
      '{"y":1,"user":"2001-01-01 00:00:01","t":["p"]}\n{"y":0,"user":"x","t":[]}\n',
    );
    const { features } = await prepare({ train: { path }, label: "y" }, [
      user,
      { kind: "ids", name: "t", vocabulary: {} },
    ]);
    expect(features.vocabularies).toEqual({ user: ["2001-01-01 00:00:01", "x"], t: ["p"] });
  });

  it("skips lines that are no data, and counts the columns", async () => {
    const path = write("s.csv", "|notes on this file\n1, a\n0, b\n");
    const source = { path, columns: ["y", "user"], delimiter: ", " };
    const { features } = await prepare({ train: { ...source, skip: 1 }, label: "y" }, [user]);
    expect(features.vocabularies.user).toEqual(["a", "b"]);
    const error = prepare({ train: { ...source, skip: 1, columns: ["y", "user", "z"] }, label: "y" }, [user]);
    await expect(error).rejects.toThrow(/data\.train\.columns: [\s\S]*2 columns[\s\S]*3 columns/);
  });

  it("reads vocabularies from files", async () => {
    const file = write("words.txt", "one\r\ntwo\n");
    const path = write("w.csv", "y,user\n1,two\n0,six\n");
    const { splits } = await prepare({ train: { path }, label: "y" }, [
      { kind: "id", name: "user", vocabulary: { file } },
    ]);
    const ids = splits.train.columns.get("user") as IdColumn;
    expect([...ids.data]).toEqual([1, 2]);
  });

  it("derives columns with sql, common table expressions included", async () => {
    const path = write("q.csv", "delay,user\n30,a\n5,b\n");
    const sql = "WITH late AS (SELECT *, delay > 15 AS late FROM source) SELECT * FROM late -- done";
    const { splits } = await prepare({ train: { path, sql }, label: "late" }, [user]);
    const label = splits.train.columns.get("@label") as FloatColumn;
    expect([0, 1].map((r) => label.data[label.offset + r * label.stride])).toEqual([1, 0]);
  });
});

describe("public data", () => {
  const flights = fileURLToPath(
    new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url),
  );
  it("packs flights: ids and sums are those of plain SQL", async () => {
    const sql = "SELECT *, delay > 15 AS late FROM source LIMIT 200000";
    const { splits, features } = await prepare(
      {
        source: { path: flights, sql },
        split: { train: "delay % 10 <> 0", test: "delay % 10 = 0" },
        label: "late",
      },
      [
        { kind: "id", name: "origin", vocabulary: { minCount: 100 } },
        { kind: "number", name: "distance" },
      ],
    );
    const duck = await Duck.open("");
    const source = `SELECT * FROM ${quoteText(flights)} LIMIT 200000`;
    const airports = await duck.rows(
      `SELECT origin FROM (${source}) WHERE delay % 10 <> 0 GROUP BY 1 HAVING count(*) >= 100 ORDER BY count(*) DESC, origin`,
      "test",
    );
    expect(features.vocabularies.origin).toEqual(airports.map(([name]) => name));
    const [[rows, distance, late]] = await duck.rows(
      `SELECT count(*), sum(distance), count_if(delay > 15) FROM (${source}) WHERE delay % 10 = 0`,
      "test",
    );
    duck.close();
    const sum = (name: string) => {
      const { data, offset, stride } = splits.test!.columns.get(name) as FloatColumn;
      let total = 0;
      for (let r = 0; r < splits.test!.rows; r++) total += data[offset + r * stride];
      return total;
    };
    expect([splits.test!.rows, sum("distance"), sum("@label")]).toEqual([rows, distance, late].map(Number));
  });

  const criteo = "../shared/data/criteo/train_first10k.tsv";
  it.skipIf(!existsSync(criteo))("packs raw Criteo rows, every one", async () => {
    const numbers = Array.from({ length: 13 }, (_, i) => `I${i + 1}`);
    const categories = Array.from({ length: 26 }, (_, i) => `C${i + 1}`);
    const { splits } = await prepare(
      { train: { path: criteo, columns: ["y", ...numbers, ...categories] }, label: "y" },
      [
        ...numbers.map((name): FeatureInput => ({ kind: "number", name, normalize: "log" })),
        ...categories.map((name): FeatureInput => ({ kind: "id", name, hash: 10_000 })),
      ],
    );
    expect([splits.train.rows, splits.train.quarantined]).toEqual([10_000, 0]);
  });
});
