import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { load } from "../serve/load.js";
import type { Predictor } from "../serve/predictor.js";
import { saveInitial } from "../serve/testing.js";
import { ScoringQueue } from "./scoring-queue.js";
import { DEFAULT_LIMITS } from "./settings.js";
import { get, post, type Served, serveModels } from "./testing.js";

/* Callers name a user and a time; the store of events gives the history that they would have sent. */

const CONFIG = {
  data: {
    train: {
      path: "rows.csv",
      events: { clicks: { path: "clicks.csv", by: "user", time: "at", max: 3 } },
    },
    label: "clicked",
  },
  features: [
    { kind: "id", name: "item", hash: 30 },
    {
      kind: "sequence",
      name: "seen",
      sequence: "clicks",
      column: "clicks.item",
      embedding: "item",
      hash: 30,
    },
    { kind: "ages", name: "ages", sequence: "clicks", column: "clicks.at", time: "at" },
  ],
  model: {
    kind: "mlp",
    embeddingDim: 4,
    features: ["item"],
    mlp: { hiddenUnits: [8] },
    sequences: [{ kind: "din", query: ["item"], columns: ["seen", "ages"], mlp: { hiddenUnits: [3] } }],
  },
} as const;

const CLICKS = [10, 20, 30, 40].flatMap((at) => [
  { user: 1, at, item: `a${at}` },
  { user: 2, at: at + 5, item: `b${at}` },
]);
/** What each row would have to say without a store: the three newest clicks before its time. */
const EXPLICIT = [
  { item: "a10", at: 35, "clicks.item": ["a10", "a20", "a30"], "clicks.at": [10, 20, 30] },
  { item: "b20", at: 15, "clicks.item": [], "clicks.at": [] },
  { item: "b40", at: 99, "clicks.item": ["b20", "b30", "b40"], "clicks.at": [25, 35, 45] },
];
const ROWS = [1, 2, 2].map((user, i) => ({ user, at: EXPLICIT[i].at, item: EXPLICIT[i].item }));
const ITEMS = ["a10", "b20", "c"].map((item) => ({ item }));

const folder = mkdtempSync(join(tmpdir(), "pairloom-events-"));
let plain: Predictor;
beforeAll(async () => {
  await saveInitial(folder, CONFIG, 1);
  plain = await load(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a loaded model with events", () => {
  it("gives rows and columns the histories of the store, and keeps lists that a request has", async () => {
    const model = await load(folder, { events: { clicks: CLICKS } });
    const expected = plain.predict(EXPLICIT);
    expect(model.predict(ROWS)).toEqual(expected);
    const columns = Object.fromEntries(
      (["user", "at", "item"] as const).map((name) => [name, ROWS.map((row) => row[name])]),
    );
    expect(model.predict(columns)).toEqual(expected);
    expect(model.predict(EXPLICIT)).toEqual(expected);
    expect(model.rowColumns).toEqual(expect.arrayContaining(["user", "at", "item"]));
    expect(() => model.predict([{ user: 1, item: "c" }])).toThrow(/at/);
  });

  it("keeps the lists of a request that is scored together with another", async () => {
    const model = await load(folder, { events: { clicks: CLICKS } });
    const own = { user: 1, ...EXPLICIT[2] };
    const queue = new ScoringQueue(DEFAULT_LIMITS, () => undefined);
    const version = { name: "main", predictor: model };
    const scored = [[ROWS[0]], [own]].map((rows) => queue.predict(version, rows, 1));
    expect(await Promise.all(scored)).toEqual([plain.predict([EXPLICIT[0]]), plain.predict([EXPLICIT[2]])]);
    expect(() => model.predict([ROWS[0], own])).toThrow(/^rows\[1\]: some rows have their histories/);
    const items = [{ item: "c" }, { item: "d", "clicks.item": [] }];
    expect(() => model.rank({ user: { user: 1, at: 35 }, items })).toThrow(/^items\[1\]: some rows/);
  });

  it("ranks items for a user, and sees events that are added", async () => {
    const model = await load(folder, { events: { clicks: CLICKS }, follow: true });
    const { item: _, ...history } = EXPLICIT[0];
    const user = { user: 1, at: 35 };
    expect(model.rank({ user, items: ITEMS })).toEqual(plain.rank({ user: history, items: ITEMS }));
    // A user for each item.
    const rows = ROWS.map((row, i) => ({ ...row, item: ITEMS[i].item }));
    const explicit = EXPLICIT.map((row, i) => ({ ...row, item: ITEMS[i].item }));
    expect(model.rank({ items: rows })).toEqual(plain.rank({ items: explicit }));
    model.events.clicks.add({ user: 1, at: 34, item: "c" });
    const newer = { at: 35, "clicks.item": ["a20", "a30", "c"], "clicks.at": [20, 30, 34] };
    expect(model.rank({ user, items: ITEMS })).toEqual(plain.rank({ user: newer, items: ITEMS }));
    await model.close();
  });

  it("is refused for a sequence that it does not build from events", async () => {
    await expect(load(folder, { events: { views: [] } })).rejects.toThrow(/no such table of events/);
    // @ts-expect-error not a list
    await expect(load(folder, { events: { clicks: 3 } })).rejects.toThrow(/events/);
  });
});

describe("a server with events", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveModels([{ name: "main", path: folder, events: async () => ({ clicks: CLICKS }) }]);
  });
  afterAll(() => served.server.stop());

  const scores = async (rows: readonly object[]) =>
    (await (await post(`${served.url}/v1/predict`, { rows })).json()).scores;

  it("scores users by their ids, and takes new events, also after it has opened the model again", async () => {
    expect(await scores(ROWS)).toEqual([...plain.predict(EXPLICIT)]);
    const added = await post(`${served.url}/v1/events`, { clicks: [{ user: 2, at: 14, item: "c" }] });
    expect([added.status, await added.json()]).toEqual([200, { added: 1 }]);
    const newer = { ...EXPLICIT[1], "clicks.item": ["c"], "clicks.at": [14] };
    expect(await scores([ROWS[1]])).toEqual([...plain.predict([newer])]);
    expect((await post(`${served.url}/v1/reload`, {})).status).toBe(200);
    expect(await scores([ROWS[1]])).toEqual([...plain.predict([newer])]);
  });

  it("describes both, and refuses what is no event", async () => {
    const document = await (await get(`${served.url}/docs/openapi.json`)).json();
    expect(document.components.schemas.Row.required).toEqual(["item", "at", "user"]);
    const { example } = document.paths["/v1/predict"].post.requestBody.content["application/json"];
    expect((await post(`${served.url}/v1/predict`, example)).status).toBe(200);
    expect(document.paths["/v1/events"].post).toBeDefined();
    for (const [body, what] of [
      [{ views: [] }, /no store of events/],
      [{ toString: [{ user: 1, at: 1 }] }, /no store of events/],
      [{ clicks: 3 }, /no lists of events/],
      [{ clicks: [{ user: 1, at: 1 }, 4] }, /no lists of events/],
      [{ clicks: [{ user: 1, at: "soon" }] }, /is no time/],
      [{}, /no lists of events/],
    ] as const) {
      const refused = await post(`${served.url}/v1/events`, body);
      expect([refused.status, (await refused.json()).error.what]).toEqual([400, expect.stringMatching(what)]);
    }
  });
});
