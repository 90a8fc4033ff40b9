import { join } from "node:path";
import { nativeOn } from "../../conformance/backends.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { draw, drawKey } from "../random.js";
import { Trainer } from "./trainer.js";

/** A run for tests of tables larger than memory, and for the processes that they kill. */

const key = drawKey(8, 0, 0);
/** Later rows have larger ids. */
const ROW_COUNT = 20_000;
const ROWS = Array.from({ length: 600 }, (_, i) => ({
  item: draw(key, i) % Math.ceil((ROW_COUNT * (i + 1)) / 600),
  shop: i % 5,
  y: draw(key, 2000 + i) % 2,
}));

interface Settings {
  readonly store?: object;
  readonly steps?: number;
  readonly resume?: boolean;
  readonly onStep?: (step: number) => void;
}

/** Trains in the run directory `name` in a folder; a checkpoint is saved after every 10th step. */
export async function trainTiered(folder: string, name: string, settings: Settings): Promise<void> {
  const { store, steps = 25, resume, onStep } = settings;
  const config = resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", buckets: ROW_COUNT, store } as never,
      { kind: "id", name: "shop", buckets: 5 },
    ],
    model: { kind: "fm", features: ["item", "shop"], embeddingDim: 30 },
    train: { batchSize: 24, steps, seed: 2, shuffle: false, checkpoint: { every: 10, keep: 100 } },
  });
  const { features, splits } = await prepareData(config);
  let done = 0;
  await new Trainer({
    ...{ config, features, train: splits.train, resume, runDir: join(folder, name) },
    backend: nativeOn("avx2"),
    listener: (event) => {
      if (event.kind !== "trained") return;
      done += event.rows / 24;
      onStep?.(done);
    },
  }).run();
}
