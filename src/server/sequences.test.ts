import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { columnFromArray, float64, int32, list, tableFromColumns, tableToIPC, utf8 } from "@uwdata/flechette";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Client } from "../client.js";
import { load } from "../serve/load.js";
import type { Predictor } from "../serve/predictor.js";
import { saveInitial } from "../serve/testing.js";
import { ARROW } from "./arrow.js";
import { arbitraryOf, get, post, type Schema, type Served, serveModels } from "./testing.js";

/* A model that reads histories is served in all forms. */

const CONFIG = {
  data: { train: { path: "none.csv" }, label: "clicked" },
  features: [
    { kind: "id", name: "item", hash: 30 },
    { kind: "sequence", name: "seen", sequence: "clicks", embedding: "item", hash: 30 },
    { kind: "sequence", name: "prices", sequence: "clicks", number: {} },
    { kind: "ages", name: "ages", sequence: "clicks", column: "times", time: "now" },
  ],
  model: {
    kind: "mlp",
    embeddingDim: 4,
    features: ["item"],
    mlp: { hiddenUnits: [8] },
    sequences: [
      { kind: "din", query: ["item"], columns: ["seen", "prices", "ages"], mlp: { hiddenUnits: [3] } },
    ],
  },
} as const;

const HISTORY = { seen: ["a", "b", "c"], prices: [1.5, 2, 0], times: [10, 500, 900], now: 1000 };
const ITEMS = ["a", "b", "d", "e"].map((item) => ({ item }));
const ROWS = [
  { item: "a", ...HISTORY },
  { item: "d", seen: [], prices: [], times: [], now: 3 },
  { item: "e", seen: ["e"], prices: [7], times: [1], now: 70 },
];

const folder = mkdtempSync(join(tmpdir(), "pairloom-served-sequences-"));
let served: Served;
let model: Predictor;
beforeAll(async () => {
  await saveInitial(folder, CONFIG, 1);
  served = await serveModels([{ name: "main", path: folder }]);
  model = await load(folder);
});
afterAll(async () => {
  await served.server.stop();
  rmSync(folder, { recursive: true, force: true });
});

it("predicts rows with histories, as JSON and as Arrow", async () => {
  const expected = [...model.predict(ROWS)];
  expect(await (await post(`${served.url}/v1/predict`, { rows: ROWS })).json()).toMatchObject({
    scores: expected,
  });
  const columns = {
    item: columnFromArray(
      ROWS.map(({ item }) => item),
      utf8(),
    ),
    seen: columnFromArray(
      ROWS.map(({ seen }) => seen),
      list(utf8()),
    ),
    prices: columnFromArray(
      ROWS.map(({ prices }) => prices),
      list(float64()),
    ),
    times: columnFromArray(
      ROWS.map(({ times }) => times),
      list(int32()),
    ),
    now: columnFromArray(
      ROWS.map(({ now }) => now),
      int32(),
    ),
  };
  const body = tableToIPC(tableFromColumns(columns), { format: "stream" })!;
  const answer = await post(`${served.url}/v1/predict`, body, { "content-type": ARROW });
  expect(await answer.json()).toMatchObject({ scores: expected });
});

it("ranks items for a history, as JSON, as Arrow and by the client", async () => {
  const full = model.predict(ITEMS.map((each) => ({ ...each, ...HISTORY })));
  const scoresOf = (items: readonly { index: number; score: number }[]) =>
    [...items].sort((a, b) => a.index - b.index).map(({ score }) => score);
  const close = [...full].map((score) => expect.closeTo(score, 6));
  const { items } = await (await post(`${served.url}/v1/rank`, { user: HISTORY, items: ITEMS })).json();
  expect(scoresOf(items)).toEqual(close);
  const table = tableFromColumns({
    item: columnFromArray(
      ITEMS.map(({ item }) => item),
      utf8(),
    ),
  });
  Object.assign(table.schema, { metadata: new Map([["user", JSON.stringify(HISTORY)]]) });
  const body = tableToIPC(table, { format: "stream" })!;
  const ofArrow = await (await post(`${served.url}/v1/rank`, body, { "content-type": ARROW })).json();
  expect(scoresOf(ofArrow.items)).toEqual(close);
  const ranked = await new Client<typeof CONFIG>(served.url).rank({ user: HISTORY, items: ITEMS });
  expect(scoresOf(ranked.items)).toEqual(close);
});

it("describes histories, and refuses columns of different lengths", async () => {
  const document = await (await get(`${served.url}/docs/openapi.json`)).json();
  const { example } = document.paths["/v1/predict"].post.requestBody.content["application/json"];
  expect((await post(`${served.url}/v1/predict`, example)).status).toBe(200);
  const bad = { rows: [{ ...ROWS[0], prices: [1] }] };
  const refused = await post(`${served.url}/v1/predict`, bad);
  expect([refused.status, (await refused.json()).error.where]).toEqual([400, "rows[0]"]);
  const { properties } = document.components.schemas.Row;
  await fc.assert(
    fc.asyncProperty(arbitraryOf({ type: "object", properties } as Schema), async (row) => {
      const { status } = await post(`${served.url}/v1/predict`, { rows: [row] });
      expect([200, 400, 422]).toContain(status);
    }),
    { numRuns: 40 },
  );
});
