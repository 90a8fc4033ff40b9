import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { resolveConfig } from "../config/config.js";
import { Duck } from "../data/source/duckdb.js";
import { scanSource } from "../data/source/scan.js";
import { packRows } from "../features/encoder.js";
import { fitFeatures } from "../features/fit.js";
import { microsecondsWithin } from "../features/instant.js";
import { EventStore } from "../serve/event-store.js";
import { readEvents } from "./read-events.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-read-events-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function modelOf(table: object) {
  const config = resolveConfig({
    data: {
      train: {
        path: "rows.csv",
        events: { clicks: { path: "gone.csv", by: "user", time: "at", ...table } },
      },
      label: "y",
    },
    features: [
      { kind: "sequence", name: "items", sequence: "clicks", column: "clicks.item", hash: 9 },
      { kind: "sequence", name: "prices", sequence: "clicks", column: "clicks.price", number: {} },
    ],
    model: { kind: "logisticRegression", features: ["items"] },
  });
  return { config, features: fitFeatures(config.features, { vocabularies: {}, numbers: {} }) };
}

it("reads the columns that the model needs, with the settings of its config", async () => {
  const path = join(folder, "clicks.csv");
  const rows = ["u1;2026-01-31T08:15:00Z;007;1.5;x", "u2;2026-01-31 09:00:00Z;b;;y"];
  writeFileSync(path, ["user;at;item;price;other", ...rows].join("\n"));
  const model = modelOf({ delimiter: ";" });
  expect(await readEvents(model, "clicks", path)).toEqual([
    { user: "u1", at: new Date("2026-01-31T08:15:00Z"), item: "007", price: "1.5" },
    { user: "u2", at: new Date("2026-01-31T09:00:00Z"), item: "b", price: null },
  ]);
  expect(await readEvents(model, "views", path)).toEqual([]);
});

it("keeps all digits of whole numbers", async () => {
  const path = join(folder, "clicks.jsonl");
  writeFileSync(path, '{"user":9007199254740993,"at":5,"item":3,"price":2}\n');
  expect(await readEvents(modelOf({ format: "json" }), "clicks", path)).toEqual([
    { user: "9007199254740993", at: "5", item: "3", price: "2" },
  ]);
});

it("keeps microseconds, also before 1970", async () => {
  const path = join(folder, "precise.csv");
  const times = ["2026-01-31 08:15:00.250107", "1969-12-31 23:59:59.999999"];
  writeFileSync(path, ["user,at,item,price", ...times.map((at) => `u,${at},a,1`)].join("\n"));
  const dates = (await readEvents(modelOf({}), "clicks", path)).map(({ at }) => at as Date);
  expect(dates.map((date) => [date.toISOString(), microsecondsWithin(date)])).toEqual([
    ["2026-01-31T08:15:00.250Z", 107],
    ["1969-12-31T23:59:59.999Z", 999],
  ]);
});

/** SQL of three events of one user, and the features that read them. */
const TABLES: Record<string, { sql: string; features: object[] }> = {
  "decimals with more digits than a double": {
    sql: "SELECT i AS at, (123456789012.345678 + i)::DECIMAL(18,6) AS item FROM range(3) t(i)",
    features: [{ kind: "sequence", name: "items", sequence: "clicks", column: "clicks.item", hash: 1000003 }],
  },
  "decimals with zeros at the end, also as numbers": {
    sql: "SELECT i AS at, (1.5 + i)::DECIMAL(9,4) AS item FROM range(3) t(i)",
    features: [
      { kind: "sequence", name: "items", sequence: "clicks", column: "clicks.item", hash: 1000003 },
      { kind: "sequence", name: "sizes", sequence: "clicks", column: "clicks.item", number: {} },
    ],
  },
  "numbers that are not finite": {
    sql: "SELECT i AS at, [0.1, 'nan'::DOUBLE, 2.5][i + 1] AS item FROM range(3) t(i)",
    features: [{ kind: "sequence", name: "items", sequence: "clicks", column: "clicks.item", hash: 1000003 }],
  },
  "timestamps in lists": {
    sql: `SELECT i AS at, [TIMESTAMP '2026-01-01 08:00:00.123456' + to_days(CAST(i AS INTEGER)), NULL, TIMESTAMP '2026-01-02'] AS item FROM range(3) t(i)`,
    features: [
      { kind: "entryBags", name: "items", sequence: "clicks", column: "clicks.item", hash: 1000003 },
    ],
  },
  "large integers in lists": {
    sql: "SELECT i AS at, [9007199254740993 + i, 5] AS item FROM range(3) t(i)",
    features: [
      { kind: "entryBags", name: "items", sequence: "clicks", column: "clicks.item", hash: 1000003 },
    ],
  },
};

it.each(Object.entries(TABLES))("%s: the histories of a store are those of a file", async (name, table) => {
  const [events, rows] = ["parquet", "csv"].map((ending) => join(folder, `${name}.${ending}`));
  const duck = await Duck.open(folder);
  await duck.run(`COPY (SELECT 1 AS "user", * FROM (${table.sql})) TO '${events}'`, "test");
  duck.close();
  writeFileSync(rows, "user,at,y\n1,1,0\n1,9,1\n");
  const config = resolveConfig({
    data: { train: { path: rows, events: { clicks: { path: events, by: "user", time: "at" } } }, label: "y" },
    features: [{ kind: "id", name: "user", hash: 9 }, ...table.features] as never,
    model: { kind: "logisticRegression", features: ["user"] },
  });
  const features = fitFeatures(config.features, { vocabularies: {}, numbers: {} });
  const store = new EventStore({ config, features }, "clicks");
  for (const event of await readEvents({ config, features }, "clicks", events)) store.add(event);
  const ofStore = packRows(
    features,
    [1, 9].map((at) => store.withHistory({ user: 1, at })),
  );
  const batches = scanSource(config.data.train!, features, { batchRows: 2 });
  const ofFile = (await batches.next()).value!.columns;
  await batches.return(undefined);
  expect(ofFile.rows).toBe(2);
  const named = [...ofFile.columns.keys()].filter((column) => !column.startsWith("@"));
  expect(named.length).toBe(1 + table.features.length);
  for (const column of named) expect(ofStore.columns.get(column)).toEqual(ofFile.columns.get(column));
});

it("has the types of training, and refuses rows that cannot be read", async () => {
  const path = join(folder, "whole.csv");
  writeFileSync(path, "user,at,item,price\nu,1,a,2\n");
  const model = modelOf({ sql: 'SELECT "user", "at", price || \'!\' AS item, price FROM source' });
  const features = { ...model.features, tableTypes: { "events/clicks": { price: "DOUBLE" } } };
  expect(await readEvents({ ...model, features }, "clicks", path)).toMatchObject([{ item: "2.0!" }]);
  writeFileSync(path, "user,at,item,price\nu,1,a,2\nu,2,b,3,oops\n");
  await expect(readEvents(modelOf({}), "clicks", path)).rejects.toThrow(/1 malformed rows.*line 3/s);
});
