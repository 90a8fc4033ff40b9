import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Executable } from "../src/backends/backend.js";
import { chooseBackend } from "../src/backends/choose.js";
import { prepareWorkload } from "../src/bench/measure.js";
import { examples } from "../src/bench/workloads.js";
import type { ColumnSet } from "../src/columns/columns.js";
import { PackedDataset } from "../src/data/pack/packed.js";
import { PackedWriter } from "../src/data/pack/packed-writer.js";
import { Block } from "../src/features/block.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { type Figure, spread, workloadOf } from "./figure.js";

const ROWS = 1_000_000;
const BATCH = 2048;

/**
 * Epochs in random order, in turns: on columns in memory, and on the same columns packed. The shards are in the
 * system's file cache, as they are for all but the first epoch where memory holds them.
 */
export const shards: Figure = {
  title: "training from packed shards and from memory, dlrm-kaggle, a million rows, samples/s",
  async run({ rounds, threads }) {
    const workload = workloadOf("dlrm-kaggle");
    const directory = mkdtempSync(join(tmpdir(), "pairloom-shards-"));
    try {
      const memory = examples(workload, ROWS);
      await writeShards(directory, memory);
      const packed = PackedDataset.open(directory, true);
      const settings = { batch: BATCH, threads, seconds: 1, precision: "fp32" as const };
      const { training } = prepareWorkload(workload, chooseBackend().backend, settings);
      const rates = { memory: [] as number[], packed: [] as number[] };
      for (let round = 0; round <= rounds; round++) {
        const inMemory = await epoch(training, memory, round);
        const fromShards = await epoch(training, packed, round);
        if (round === 0) continue; // warms up
        rates.memory.push(inMemory);
        rates.packed.push(fromShards);
      }
      const shares = rates.packed.map((rate, i) => rate / rates.memory[i]);
      const rows = [
        ["in memory", spread(rates.memory)],
        ["packed shards", spread(rates.packed)],
        ["shards / memory, by round", spread(shares, (share) => share.toFixed(3))],
      ];
      return { head: ["", "train"], rows };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** Rows a second of one epoch in random order. */
async function epoch(training: Executable, data: ColumnSet, number: number): Promise<number> {
  const steps = Math.ceil(data.rows / BATCH);
  const started = performance.now();
  await training.run({
    columns: data.columns,
    rows: data.rows,
    start: 0,
    count: data.rows,
    batch: BATCH,
    shuffle: { seed: 1, epoch: number },
    seed: 0,
    firstStep: number * steps,
    scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, new Float32Array(steps).fill(1e-3)])),
  });
  return Math.round((1000 * data.rows) / (performance.now() - started));
}

/** The columns as the first pass over a source would have packed them. */
async function writeShards(directory: string, data: ColumnSet): Promise<void> {
  const named = [...data.columns];
  const ids = named.flatMap(([name, column]) => (column.kind === "id" ? [{ name, ...column }] : []));
  const numbers = named.flatMap(([name, column]) => (column.kind === "number" ? [{ name, ...column }] : []));
  let denseWidth = 0;
  const dense = numbers.map(({ name, width }) => {
    denseWidth += width;
    return { name, offset: denseWidth - width, width };
  });
  const writer = new PackedWriter(directory, {
    ids: ids.map(({ name }) => name),
    wideIds: [],
    numbers: dense,
    numbersWidth: denseWidth,
    bags: [],
    weighted: [],
    wideBags: [],
  });
  const block = new Block(writer.layout, 2048);
  for (let start = 0; start < data.rows; start += block.capacity) {
    const count = Math.min(block.capacity, data.rows - start);
    for (let r = 0; r < count; r++) {
      ids.forEach((column, f) => {
        block.ids[r * ids.length + f] = Number(column.data[column.offset + (start + r) * column.stride]);
      });
      numbers.forEach((column, i) => {
        const from = column.offset + (start + r) * column.stride;
        block.numbers.set(column.data.subarray(from, from + column.width), r * denseWidth + dense[i].offset);
      });
    }
    await writer.append(block, 0, count);
  }
  await writer.finish();
}
