import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { draw, drawKey } from "../src/random.js";
import { openModel } from "../src/saved/model.js";
import { Predictor } from "../src/serve/predictor.js";
import { Trainer } from "../src/train/trainer.js";
import { ISAS, nativeOn } from "./backends.js";
import { trainerOptions } from "./trainer-options.js";

/* Encoders of two sequences, against the same entries in one column of the data. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-joined-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

const key = drawKey(9, 1, 0);
const [CLICKS, ORDERS] = [5, 3];
const ROWS = Array.from({ length: 200 }, (_, i) => {
  const of = (n: number): number => draw(key, 32 * i + n);
  const list = (at: number, most: number) =>
    Array.from({ length: of(at) % most }, (_, k) => of(at + 1 + k) % 9);
  const [clicked, ordered, item] = [list(0, 8), list(10, 5), of(20) % 9];
  const kept = [clicked.slice(-CLICKS), ordered.slice(-ORDERS)];
  const which = kept.flatMap((entries, side) => entries.map(() => side));
  return {
    item,
    clicked,
    ordered,
    both: kept.flat(),
    which,
    y: ordered.includes(item) || of(21) % 5 === 0 ? 1 : 0,
  };
});

const ITEM = { buckets: 9, embedding: "item" };
const SEPARATE = [
  { kind: "sequence", name: "clicked", ...ITEM, max: CLICKS },
  { kind: "sequence", name: "ordered", ...ITEM, max: ORDERS },
  { kind: "joined", name: "which", columns: ["clicked", "ordered"], newest: [CLICKS, ORDERS], dim: 2 },
];
const TOGETHER = [
  { kind: "sequence", name: "both", sequence: "events", ...ITEM },
  { kind: "sequence", name: "which", sequence: "events", buckets: 2, dim: 2 },
];
const mlp = { hiddenUnits: [6] };

function configOf(features: readonly object[], columns: object, train: object = {}): Config {
  return resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [{ kind: "id", name: "item", buckets: 9, missing: "bucket" }, ...features],
    model: {
      kind: "mlp",
      features: ["item"],
      embeddingDim: 4,
      sequences: [
        { kind: "din", query: ["item"], ...columns, mlp },
        { kind: "selfAttention", ...columns, dim: 4, heads: 2, positions: "first" },
      ],
      mlp,
    },
    train: { batchSize: 64, epochs: 2, ...train },
  } as never);
}

const JOINED = { columns: ["clicked"], joined: { columns: ["ordered"], by: "which" } };
const backend = ISAS.length > 0 ? nativeOn(ISAS[0]) : referenceBackend;

async function logitsOf(config: Config, using = backend): Promise<Float32Array> {
  const options = await trainerOptions(config, { backend: using, runDir: join(folder, `run-${runs++}`) });
  const { checkpoint } = await new Trainer(options).run();
  return new Predictor(await openModel(checkpoint, { backend, maxBatch: 256, threads: 1 })).logits(
    ROWS as never,
  );
}

function expectClose(got: Float32Array, expected: Float32Array): void {
  for (const [i, logit] of got.entries()) expect(Math.abs(logit - expected[i])).toBeLessThan(1e-5);
}

describe("joined sequences", () => {
  it("train and score as one column with the entries of both", async () => {
    const expected = await logitsOf(configOf(TOGETHER, { columns: ["both", "which"] }));
    expect(new Set(expected).size).toBeGreaterThan(100);
    const joined = await logitsOf(configOf(SEPARATE, JOINED, { threads: 3 }));
    expectClose(joined, expected);
    expect(await logitsOf(configOf(SEPARATE, JOINED, { threads: 1 }))).toEqual(joined);
    expectClose(await logitsOf(configOf(SEPARATE, JOINED), referenceBackend), expected);
  });

  it("name columns of sequences with the same maximum, and as wide entries", () => {
    const which = (more: object) => [...SEPARATE.slice(0, 2), { ...SEPARATE[2], ...more }];
    expect(() => configOf(which({ newest: [CLICKS, null] }), JOINED)).toThrow("features[3].newest[1]");
    expect(() => configOf(which({ columns: ["clicked", "item"] }), JOINED)).toThrow("features[3].columns[1]");
    const wide = { ...SEPARATE[1], embedding: "wide", dim: 6 };
    expect(() => configOf([SEPARATE[0], wide, SEPARATE[2]], JOINED)).toThrow("sequences[0].joined.columns");
  });
});
