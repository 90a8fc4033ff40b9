import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { resolveConfig } from "../config/config.js";
import { fitFeatures } from "../features/fit.js";
import { microsecondsWithin } from "../features/instant.js";
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
