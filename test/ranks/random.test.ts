import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { resolveConfig } from "../../src/config/config.js";
import { loadAddon } from "../../src/native/addon.js";
import { drawKey, drawUnit } from "../../src/random.js";
import { OverlapChoice } from "../../src/train/overlap-choice.js";
import { hashes, rowsOf, run } from "./local-runs.js";

/*
 * Random runs on ranks against one process: tables of every kind beside each other (fixed and dynamic, in memory and with a
 * store, with rows on all ranks and on some) at random places. Half of them compute while they exchange. RANKED=200 tries that
 * many.
 */
const RANDOM = Number(process.env.RANKED ?? 8);

const folder = mkdtempSync(join(tmpdir(), "pairloom-random-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TABLES = [
  { kind: "id", name: "visitor" },
  { kind: "id", name: "user" },
  { kind: "ids", name: "tags", pooling: "mean" },
  { kind: "id", name: "both", columns: ["visitor", "city"] },
  { kind: "sequence", name: "seen", max: 3 },
] as const;

/** A function that chooses one of some values. */
type Choose = <T>(...values: readonly T[]) => T;

function chooser(seed: number): Choose {
  const key = drawKey(seed, 1, 0);
  let at = 0;
  return (...values) => values[Math.floor(values.length * drawUnit(key, at++))];
}

function tableOf(feature: (typeof TABLES)[number], choose: Choose) {
  const evict = choose<object | string>("lru", "lfu", { kind: "lfuDecay", halfLife: 4 });
  const rows = choose<object>(
    { hash: choose(20, 500, 3000) },
    { hash: choose(20, 500, 3000) },
    { dynamic: { capacity: choose(150, 2000), evict } },
  );
  const store = choose(undefined, { memory: choose("200KB", "64KB"), path: folder });
  const dtype = choose("fp32", "bf16");
  return { ...feature, ...rows, dtype, ...(store && { store }) };
}

/** Of tables with four or more parts of rows, for any of these numbers of ranks. */
function placementOf(table: { store?: object }, ranks: number, choose: Choose) {
  const places = ["rowWise", "tableWise", "columnWise", { rank: choose(0, ranks - 1) }];
  return choose<unknown>(undefined, ...places, ...(table.store ? [] : ["replicated", "replicated"]));
}

function randomCase(seed: number) {
  const choose = chooser(seed);
  const ranks = choose(2, 3, 4);
  const features = TABLES.filter(() => choose(true, true, false)).map((table) => tableOf(table, choose));
  const ids = features.filter(({ kind }) => kind !== "sequence").map(({ name }) => name);
  const sequences = features.filter(({ kind }) => kind === "sequence").map(({ name }) => name);
  const placement = Object.fromEntries(
    features.flatMap((table) => {
      const place = placementOf(table, ranks, choose);
      return place === undefined ? [] : [[table.name, place]];
    }),
  );
  const config = {
    data: {
      train: { rows: rowsOf(500, 1) },
      valid: { rows: rowsOf(150, 2) },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [{ kind: "number", name: "a" }, ...features],
    model: {
      kind: "mlp",
      embeddingDim: 16,
      features: ["a", ...ids],
      sequences: sequences.length > 0 ? [{ kind: "pooling", columns: sequences }] : undefined,
      mlp: { hiddenUnits: [8] },
    },
    train: {
      batchSize: choose(32, 64),
      epochs: 2,
      threads: 1,
      seed,
      placement,
      plan: choose(undefined, "auto"),
      clip: choose(undefined, { norm: 0.5 }),
      optimizer: {
        embedding: { kind: choose("sgd", "adagrad", "adam", "rowWiseAdagrad"), learningRate: 0.05 },
      },
    },
  };
  return { ranks, config: resolveConfig(config as never) };
}

it.skipIf(!loadAddon().addon).each(Array.from({ length: RANDOM }, (_, i) => i))(
  "ranks train and measure random tables %i to the bits of one process",
  async (seed) => {
    vi.spyOn(OverlapChoice.prototype, "overlaps", "get").mockReturnValue(seed % 2 === 1);
    const { ranks, config } = randomCase(seed);
    const [alone, together] = [join(folder, `${seed} alone`), join(folder, `${seed} together`)];
    const { report } = await run(config, alone, { ranks: 1 });
    const { report: shared } = await run(config, together, { ranks });
    expect(shared.results).toEqual(report.results);
    expect(await hashes(together)).toEqual(await hashes(alone));
  },
);
