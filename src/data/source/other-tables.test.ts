import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Column } from "../../columns/columns.js";
import { PairloomError } from "../../errors.js";
import { packRows } from "../../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../../features/schema/features.js";
import { type DataInput, dataSchema, type SourceInput, sourceSchema } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { Duck } from "./duckdb.js";
import { scanSource } from "./scan.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-other-tables-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

async function prepare(
  data: Omit<DataInput, "label">,
  feature: FeatureInput,
  cacheDir = join(folder, "cache"),
) {
  const parsed = dataSchema.parse({ ...data, label: "label", cacheDir });
  const { features, splits } = await prepareData({ data: parsed, features: featuresSchema.parse([feature]) });
  return { features, values: valuesOf(splits.train.columns.get(feature.name)!) };
}

/** What a later run reads of a source. */
async function scan(source: SourceInput, features: Awaited<ReturnType<typeof prepare>>["features"]) {
  const values = [];
  for await (const { bad, columns } of scanSource(sourceSchema.parse(source), features)) {
    expect(bad).toEqual([]);
    if (columns.rows > 0) values.push(...valuesOf(columns.columns.get(features.features[0].name)!));
  }
  return values;
}

/** The numbers or ids of two rows. */
function valuesOf(column: Column): number[] {
  if (column.kind === "ids") return Array.from(column.values, Number);
  return [0, 1].map((row) => Number(column.data[column.offset + row * column.stride]));
}

describe("a folder x=5 in the path of a file is no column", () => {
  const x: FeatureInput = { kind: "number", name: "x" };
  it.each([
    ["of a CSV file", { path: "@/x=5/a.csv" }],
    ["of a CSV file without a header", { path: "@/x=5/b.csv", columns: ["label", "x"] }],
    ["of a CSV file that SQL reads", { path: "@/x=5/a.csv", sql: "SELECT label, x + 0 AS x FROM source" }],
    ["of a file in another encoding", { path: "@/x=5/a.csv", encoding: "latin-1" as const }],
    ["of a JSON file", { path: "@/x=5/a.json" }],
    ["of a Parquet file", { path: "@/x=5/a.parquet" }],
    ["of the files of a pattern", { path: "@/x=*/[a].parquet" }],
    [
      "of a file that is joined",
      { path: "@/keys.csv", sql: "SELECT label, x FROM source JOIN '@/x=5/a.json' USING (label)" },
    ],
    [
      "of rows of JavaScript",
      {
        rows: [
          { label: 0, x: 1 },
          { label: 1, x: 2 },
        ],
      },
    ],
  ] as [string, SourceInput][])("%s", async (_, source) => {
    write("keys.csv", ["label", "0", "1"]);
    write("x=5/a.csv", ["label,x", "0,1", "1,2"]);
    write("x=5/b.csv", ["0,1", "1,2"]);
    write("x=5/a.json", ['{"label": 0, "x": 1}', '{"label": 1, "x": 2}']);
    const duck = await Duck.open("");
    await duck.run(
      `COPY (SELECT 0 AS label, 1 AS x UNION ALL SELECT 1, 2) TO '${folder}/x=5/a.parquet'`,
      "test",
    );
    duck.close();
    const here = JSON.parse(JSON.stringify(source).replaceAll("@", folder)) as SourceInput;
    expect((await prepare({ train: here }, x, join(folder, "x=5", "cache"))).values).toEqual([1, 2]);
  });
});

it("joined files have the types that they had in training", async () => {
  const items = (price: string) => write("items.csv", ["id,price", `1,${price}`, "2,2"]);
  const path = write("rows.csv", ["id,label", "1,0", "2,1"]);
  const y: FeatureInput = { kind: "id", name: "y", hash: 1_000_003 };
  const source = {
    path,
    sql: `SELECT label, price || '' AS y FROM source JOIN '${items("1.5")}' USING (id)`,
  };
  const { features, values } = await prepare({ train: source }, y);
  expect(features.tableTypes).toEqual({ "joined/0": { id: "BIGINT", price: "DOUBLE" } });
  items("1");
  expect((await scan(source, features))[1]).toBe(values[1]);
  const valid = { ...source, sql: source.sql.replace("items.csv", "others.csv") };
  write("others.csv", ["id,price", "1,2", "2,2"]);
  expect(await scan(valid, features)).toEqual([values[1], values[1]]);
});

describe("a column that SQL computed in training, and a later source has as texts", () => {
  const y: FeatureInput = { kind: "id", name: "y", vocabulary: {} };
  const prepared = async () => {
    const path = write("computed.csv", ["v,label", "1.5,0", "2.5,1", "1.5,0"]);
    return prepare({ train: { path, sql: "SELECT v * 2 AS y, label FROM source" } }, y);
  };

  it("is read as texts of requests are", async () => {
    const { features, values } = await prepared();
    const path = write("texts.csv", ["y", "3.0", "5"]);
    expect(await scan({ path }, features)).toEqual(values.slice(0, 2));
    expect(await scan({ path, sql: "SELECT * FROM source" }, features)).toEqual(values.slice(0, 2));
    const { columns } = packRows(features, [{ y: "3.0" }, { y: "5" }]);
    expect(valuesOf(columns.get("y")!)).toEqual(values.slice(0, 2));
  });

  it("is refused where the type does not hold a text", async () => {
    const { features } = await prepared();
    await expect(scan({ path: write("words.csv", ["y", "3", "five"]) }, features)).rejects.toThrow(
      /a value of the column y does not have the type .*training[\s\S]*"five"/,
    );
  });
});

describe("tables of events", () => {
  const item: FeatureInput = { kind: "sequence", name: "c", column: "c.item", hash: 1_000_003 };
  const events = (path: string) => ({ c: { path, by: "user", time: "time" } });

  it("of a sequence with a point in its name have the rules of the others", async () => {
    const path = write("rows.csv", ["user,time,label", "a,5,0", "b,5,1"]);
    const clicks = write("pointed.csv", ["user,time,item", "a,1,007"]);
    const table = { path: clicks, by: "user", time: "time", types: { item: "BIGINT" } };
    const pointed: FeatureInput = { ...item, name: "a.b", column: "a.b.item" };
    const { features, values } = await prepare({ train: { path, events: { "a.b": table } } }, pointed);
    const { columns } = packRows(features, [{ "a.b.item": ["007"] }]);
    expect(valuesOf(columns.get("a.b")!)).toEqual(values);
    expect(values.length).toBe(1);
  });

  it("have the types that they had in training, whatever those of the rows are", async () => {
    const path = write("dated.csv", ["user,time,price,label", "a,2026-02-01,1.5,0", "b,2026-02-01,2,1"]);
    const clicks = write("clicks.csv", [
      "user,time,price",
      "a,2026-01-01 08:00:00,2",
      "b,2026-01-02 09:00:00,3",
    ]);
    const sql = "SELECT user, time, price || '!' AS item FROM source";
    const source = {
      path,
      sql: "SELECT *, price * 2 AS p FROM source",
      events: { c: { ...events(clicks).c, sql } },
    };
    const { features, values } = await prepare({ train: source }, item);
    expect(values.length).toBe(2);
    expect(await scan(source, features)).toEqual(values);
  });

  it.each([
    ["nullValues", { nullValues: ["NA"] }, ["NA", "6"]],
    ["trim", { trim: true }, [" x ", "6"]],
    ["types: BIGINT", { types: { item: "BIGINT" } }, ["007", "6"]],
    ["types: DOUBLE", { types: { item: "DOUBLE" } }, ["1e5", "5"]],
    [
      "types: DOUBLE, with a decimal comma",
      { types: { item: "DOUBLE" }, decimal: "," as const },
      ['"1,5"', "5"],
    ],
    ["types: BOOLEAN", { types: { item: "BOOLEAN" } }, ["true", "0"]],
    ["types: TIMESTAMP", { types: { item: "TIMESTAMP" } }, ["2026-01-31 08:00:00", "2026-01-31T08:00:00"]],
  ])("mean in requests what they mean in training: %s", async (_, rules, cells) => {
    const path = write("rows.csv", ["user,time,label", "a,5,0", "b,5,1"]);
    const clicks = write("ruled.csv", ["user,time,item", ...cells.map((cell, i) => `a,${i},${cell}`)]);
    const { features, values } = await prepare(
      { train: { path, events: { c: { ...events(clicks).c, ...rules } } } },
      item,
    );
    const texts = cells.map((cell) => cell.replaceAll('"', ""));
    const { bad, columns } = packRows(features, [{ "c.item": texts }]);
    expect(bad).toEqual([]);
    expect(valuesOf(columns.get("c")!)).toEqual(values);
    expect(values.length).toBe(2);
  });

  it.each([
    ["a,0,x,y", "line 3"],
    ['a,0,"z"z', "line 3"],
  ])("with the malformed row %s stop the run", async (row, line) => {
    const path = write("rows.csv", ["user,time,label", "a,5,0", "b,5,1"]);
    const clicks = write("bad.csv", ["user,time,item", "a,1,y", row]);
    await expect(prepare({ train: { path, events: events(clicks) } }, item)).rejects.toThrow(
      new RegExp(`a table besides that of the rows has rows that cannot be read[\\s\\S]*bad.csv, ${line}`),
    );
  });

  it.each(["rows", "events"])(
    "with a key that may stand for several ids in the %s stop the run",
    async (side) => {
      const rows = [
        { user: 1, time: 5, label: 0 },
        { user: 2 ** 53, time: 5, label: 1 },
      ];
      const clicks = [{ user: side === "rows" ? 1 : 2 ** 53, time: 1, item: "y" }];
      const table = { rows: clicks, by: "user", time: "time" };
      const train = { rows: side === "rows" ? rows : rows.slice(0, 1), events: { c: table } };
      await expect(prepare({ train }, item)).rejects.toThrow(
        /a key of histories in the column user is no exact id: 9007199254740992/,
      );
    },
  );

  it("tell large integers apart, which doubles do not", async () => {
    const at = (last: number) => `170000000000000000${last}`;
    const path = write("rows.csv", ["user,time,label", `a,${at(4)},0`, `a,${at(5)},1`]);
    const clicks = write("large.csv", ["user,time,item", `a,${at(3)},x`, `a,${at(4)},y`]);
    const { values } = await prepare({ train: { path, events: events(clicks) } }, item);
    expect(values.length).toBe(3);
    const text: FeatureInput = { kind: "id", name: "time", hash: 10 };
    const data = { train: { path, events: events(clicks) }, label: "label", cacheDir: join(folder, "cache") };
    const { splits } = await prepareData({
      data: dataSchema.parse(data),
      features: featuresSchema.parse([text, item]),
    });
    expect(valuesOf(splits.train.columns.get("c")!)).toEqual(values);
  });

  it.each(["1_0", "2001-01-31 22:00:00 America/New_York", "now"])(
    "refuse the time %s, as requests do",
    async (time) => {
      const path = write("rows.csv", ["user,time,label", "a,5,0", "b,5,1"]);
      const clicks = write("odd.csv", ["user,time,item", `a,${time},x`]);
      await expect(prepare({ train: { path, events: events(clicks) } }, item)).rejects.toThrow(PairloomError);
    },
  );

  it("leave nothing in the rules where there is none", async () => {
    const path = write("rows.csv", ["user,time,label", "a,5,0", "b,5,1"]);
    const source = { path, sql: "SELECT * FROM source" };
    const { features } = await prepare(
      { source, split: { train: "label >= 0" } },
      { kind: "id", name: "user", hash: 10 },
    );
    expect(Object.keys(features)).not.toEqual(expect.arrayContaining(["tableTypes"]));
  });

  it("with a value that its type does not have stop the run", async () => {
    const path = write("rows.csv", ["user,time,label", "a,5,0", "b,5,1"]);
    const clicks = write("typed.csv", ["user,time,item", "a,1,7", "a,2,foo"]);
    const table = { ...events(clicks).c, types: { item: "BIGINT" } };
    await expect(prepare({ train: { path, events: { c: table } } }, item)).rejects.toThrow(
      /typed.csv, line 3/,
    );
  });
});
