import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findLatest } from "../../src/checkpoint/index.js";
import { type Config, resolveConfig } from "../../src/config/config.js";
import { localWorlds, SOLO } from "../../src/distributed/world.js";
import { loadAddon } from "../../src/native/addon.js";
import { trainRun } from "../../src/run/train-run.js";
import { selectBackend } from "../../src/saved/backend.js";
import { hashTensors } from "../../src/saved/hash-tensors.js";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "../cli-world.js";

/* `pairloom plan`, and runs of several ranks of this process that follow a plan. */

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-plan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const data = Array.from({ length: 600 }, (_, i) => ({
  user: i % 41,
  tags: [i % 7, i % 3],
  y: (i * i) % 3 === 0 ? 1 : 0,
}));

const configOf = (train: object): Config =>
  resolveConfig({
    data: { train: { rows: data }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "user", buckets: 41 },
      { kind: "ids", name: "tags", buckets: 7 },
    ],
    model: { kind: "mlp", features: ["user", "tags"], embeddingDim: 12, mlp: { hiddenUnits: [8] } },
    train: { batchSize: 128, epochs: 1, threads: 1, optimizer: { embedding: { kind: "adagrad" } }, ...train },
  });

let runs = 0;

/** Trains, and returns the hashes of all tensors. */
async function hashes(train: object, ranks: number) {
  const runDir = join(folder, `run${runs++}`);
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon!, ranks);
  const { backend } = selectBackend("native");
  const run = { config: configOf(train), runDir, backend, resume: false, baselines: false };
  const { signal } = new AbortController();
  const results = await Promise.allSettled(
    worlds.map((world) => trainRun({ ...run, world, signal, listener: () => undefined })),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return hashTensors((await findLatest(runDir)).checkpoint!);
}

describe.skipIf(!addon)("a run of several ranks", () => {
  it("has the bits of one process, wherever a plan puts the tables", async () => {
    const expected = await hashes({}, 1);
    expect(await hashes({ plan: "auto" }, 3)).toEqual(expected);
    for (const placement of [
      { user: { rank: 2 }, tags: "tableWise" },
      { user: "replicated", tags: "rowWise" },
      { user: "columnWise", tags: { columns: 3 } },
    ])
      expect(await hashes({ placement }, 3)).toEqual(expected);
  });

  it("follows a file, which must be for its tables and ranks", async () => {
    const path = join(folder, "plan.json");
    const config = configOf({ placement: { user: "rowWise" } });
    writeFileSync(join(folder, "c.json"), JSON.stringify(config));
    const ranks = ["--ranks", "2", "--measure"];
    const { code, err } = await cli("plan", join(folder, "c.json"), ...ranks, "--output", path);
    expect(err).toBe("");
    expect(code).toBe(0);
    const plan = JSON.parse(readFileSync(path, "utf8"));
    const { placement } = plan.tables.find(({ name }: { name: string }) => name.includes("user"));
    expect(placement).toMatchObject({ owners: 2, starts: [0, expect.any(Number)] });
    expect(placement.starts[1]).toBeGreaterThan(10);
    expect(placement.starts[1]).toBeLessThan(31);
    expect(await hashes({ plan: path }, 2)).toEqual(await hashes({}, 1));
    await expect(hashes({ plan: path }, 3)).rejects.toThrow(
      /the plan is for another run\n.*got: +2 ranks\n.*3 ranks/,
    );
    placement.starts = [0, 700, 30];
    writeFileSync(path, JSON.stringify(plan));
    await expect(hashes({ plan: path }, 2)).rejects.toThrow(
      /the plan cannot be read\n.*placement.starts: the first slots of all shares, ascending from 0/,
    );
    writeFileSync(path, '{"version": 1}');
    await expect(hashes({ plan: path }, 2)).rejects.toThrow(/the plan cannot be read\n.*fits/);
  });

  it("refuses constraints on what does not exist, on every rank", async () => {
    await expect(hashes({ placement: { users: "rowWise" } }, 2)).rejects.toThrow(
      /train.placement.users: there is no embedding table of this name\n.*got: +users\n.*one of user, tags/,
    );
    await expect(hashes({ placement: { user: { rank: 2 } } }, 2)).rejects.toThrow(
      /train.placement.user.rank: there is no such rank\n.*got: +2\n.*below 2/,
    );
  });
});

describe("plan", () => {
  let world: World;
  beforeAll(() => {
    world = makeWorld();
    world.write("rows.csv", csv(rows(600)));
    world.write("test.csv", csv(rows(200)));
    world.write("learned.json", JSON.stringify(smallConfig()));
    const hashed = smallConfig();
    for (const feature of hashed.features.filter(({ kind }: { kind: string }) => kind === "id")) {
      delete feature.vocabulary;
      feature.hash = 5_000_000;
    }
    world.write("hashed.json", JSON.stringify(hashed));
    const stored = hashed.features.map((feature: object) =>
      "hash" in feature ? { ...feature, store: { memory: "10%" } } : feature,
    );
    world.write("stored.json", JSON.stringify({ ...hashed, features: stored }));
  });
  afterAll(() => world.remove());

  it("needs no data where the config tells the sizes, and reads it where not", async () => {
    const unread = await cli("plan", "hashed.json", "--ranks", "4", "--memory", "2GiB");
    expect(unread).toMatchObject({ code: 0, err: "" });
    expect(unread.out).toMatch(/Plan for 4 ranks/);
    expect(unread.out).toMatch(/Guesses/);
    const refused = await cli("plan", "learned.json");
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/only the training data tells how many rows this table has[\s\S]*--measure/);
    const { out } = await cli("plan", "learned.json", "--measure", "--json", "--ranks", "2");
    const { tables, ranks } = JSON.parse(out);
    expect(tables.map((table: { rows: number }) => table.rows)).toEqual([101, 13]);
    // Users and items of the rows, all in each step.
    expect(tables.map((table: { lookups: object }) => table.lookups)).toEqual(
      [7, 11].map((count) => ({ ids: 64, rows: count, measured: true })),
    );
    expect(ranks).toHaveLength(2);
  });

  it("says what does not fit, and three ways out", async () => {
    const { code, out } = await cli("plan", "hashed.json", "--ranks", "2", "--memory", "380MiB");
    expect(code).toBe(1);
    expect(out).toMatch(/Does not fit/);
    expect(out).toMatch(/ranks in place of 2/);
    expect(out).toMatch(/store: \{ memory \}/);
    const stored = await cli("plan", "stored.json", "--ranks", "2", "--memory", "380MiB", "--json");
    expect(stored).toMatchObject({ code: 0, err: "" });
    for (const { why } of JSON.parse(stored.out).tables) expect(why).toMatch(/, 10% in memory$/);
  });

  it.each([
    [["--ranks", "0"], /--ranks needs an integer above 0/],
    [["--memory", "64"], /--memory needs a size/],
    [["--memory", "1MiB"], /a rank has no memory for any row of a table/],
    [["--topology", "rows.csv"], /rows.csv: the topology cannot be read/],
    [["--topology", "forged.json"], /forged.json: the topology cannot be read\n.*ranks.0.threads/],
    [["--topology", "missing.json"], /missing.json: the topology cannot be read/],
  ])("refuses %j", async (options, text) => {
    world.write(
      "forged.json",
      JSON.stringify({ ranks: [{ host: "a", processor: "b", threads: -1 }], exchanges: [] }),
    );
    const { code, err } = await cli("plan", "hashed.json", ...options);
    expect(code).toBe(1);
    expect(err).toMatch(text);
  });
});
