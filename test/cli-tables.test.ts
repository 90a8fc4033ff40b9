import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Duck } from "../src/data/source/duckdb.js";
import { murmur3Wide } from "../src/murmur3.js";
import { readMetrics } from "../src/train/log/metrics-log.js";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

const USERS = Array.from({ length: 7 }, (_, i) => `u${i}`);

let world: World;
let trained: Awaited<ReturnType<typeof cli>>;
beforeAll(async () => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(600)));
  world.write("test.csv", csv(rows(100)));
  const config = smallConfig();
  config.features[0] = { kind: "id", name: "user", dynamic: { capacity: 10, evict: "lfu" } };
  config.features[1] = { kind: "id", name: "item", dynamic: { capacity: 20, admit: { count: 100_000 } } };
  config.features.push({ kind: "id", name: "pair", columns: ["user", "item"], vocabulary: {} });
  config.model.sparse.features.push("pair");
  config.train.epochs = 2;
  world.write("pairloom.config.json", JSON.stringify(config));
  trained = await cli("train", ".", "--run", "run");
  expect(trained.code).toBe(0);
});
afterAll(() => world.remove());

describe("the numbers of dynamic tables", () => {
  it("are in the logs and in the report of the run, with a warning if no id is admitted", () => {
    const lines = readMetrics("run/metrics.jsonl").filter(({ split }) => split === "tables");
    expect(lines.at(-1)!.values).toMatchObject({
      ...{ "user.size": 7, "user.load": 0.7, "user.admitted": 7, "user.evicted": 0, "user.rejected": 0 },
      ...{ "item.size": 0, "item.rejected": 1200, "item.hitRate": 0 },
    });
    const report = JSON.parse(readFileSync("run/report.json", "utf8"));
    // 1200 occurrences of 7 users: 170 or 172 each.
    expect(report.tables.user.histogram.at(-1)).toEqual({ from: 128, to: 256, keys: 7 });
    expect(report.warnings.filter((text: string) => text.includes("dynamic table"))).toEqual([
      expect.stringMatching(/^No id got a row in the dynamic table item: all 1,200 occurrences/),
    ]);
    expect(trained.out).toMatch(/^Warning: No id got a row in the dynamic table item:/m);
  });

  it("are shown by inspect", async () => {
    const { out } = await cli("inspect", "run", "--checkpoint", "latest");
    expect(out).toMatch(/user +│ +7 │ +70\.0 % │ +7 │ +0 │ +0 │/);
    expect(out).toContain("user, ids by occurrences: 128 to 255: 7");
  });
});

const tables = async (...args: string[]) =>
  JSON.parse((await cli("tables", "run", "--checkpoint", "latest", "--json", ...args)).out);

describe("pairloom tables", () => {
  it("lists the tables", async () => {
    expect(await tables()).toMatchObject([
      { table: "embeddings.user.weight", kind: "dynamic", rows: 8, dim: 8, features: "user" },
      { table: "embeddings.item.weight", kind: "dynamic", rows: 1, dim: 8 },
      { table: "embeddings.pair.weight", kind: "vocabulary", dim: 8 },
    ]);
  });

  it("exports rows, and looks up what it exports", async () => {
    await cli("tables", "run", "--checkpoint", "latest", "--table", "user", "--output", "user.parquet");
    const exported = await rowsOf("user.parquet");
    const found = await tables("--table", "user", ...[...USERS, "u99"].flatMap((user) => ["--id", user]));
    for (const [i, user] of USERS.entries()) {
      const key = keyOf(user);
      const row = exported.find((each) => each.key === key)!;
      expect(found[i]).toEqual({
        id: user,
        key,
        score: expect.any(Number),
        row: row.row,
        vector: row.vector,
      });
      expect(found[i].score).toBe(2 * (i < 600 % 7 ? 86 : 85)); // occurrences in 600 rows, twice
    }
    expect(exported).toHaveLength(8);
    expect(found[7]).toEqual({ id: "u99", key: keyOf("u99"), row: 0, vector: Array(8).fill(0) });
  });

  it("exports the values of vocabularies", async () => {
    await cli("tables", "run", "--checkpoint", "latest", "--table", "pair", "--output", "pair.parquet");
    const exported = await rowsOf("pair.parquet");
    const [found] = await tables("--table", "pair", "--id", "u1,i5");
    expect(exported[found.row]).toMatchObject({ value: "u1\u0001i5", vector: found.vector });
  });

  it("says which tables there are", async () => {
    const { code, err } = await cli("tables", "run", "--id", "1");
    expect(code).toBe(1);
    expect(err).toContain("embeddings.user.weight");
    expect((await cli("tables", "run", "--table", "user", "--output", "user.csv")).err).toContain(".parquet");
  });
});

it("inspect --hash is equal for equal tensors, and for no others", async () => {
  const hash = async (run: string) => (await cli("inspect", run, "--checkpoint", "latest", "--hash")).out;
  const first = await hash("run");
  expect(first).toMatch(/^model {6}[0-9a-f]{64}\noptimizer {2}[0-9a-f]{64}$/m);
  await cli("train", ".", "--run", "again");
  await cli("train", ".", "--run", "deltas", "--set", "train.checkpoint.full.every=10");
  await cli("train", ".", "--run", "other", "--set", "train.seed=2");
  expect(await hash("again")).toBe(first);
  expect(await hash("deltas")).toBe(first);
  expect(await hash("other")).not.toBe(first);
});

const keyOf = (text: string) => String(BigInt.asIntN(64, murmur3Wide(Buffer.from(text), 0, text.length)));

async function rowsOf(path: string) {
  const duck = await Duck.open("scratch");
  try {
    const columns = ["row", "key", "value", "to_json(vector)"].map((column) => `CAST(${column} AS VARCHAR)`);
    const rows = await duck.rows(`SELECT ${columns.join(", ")} FROM '${path}' ORDER BY row`, path);
    return rows.map(([row, key, value, vector]) => ({
      row: Number(row),
      key,
      value,
      vector: JSON.parse(vector!) as number[],
    }));
  } finally {
    duck.close();
  }
}
