import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MODEL_FILE, OPTIMIZER_FILE } from "../src/checkpoint/index.js";
import { bytes } from "../src/cli/tables.js";
import { resolveConfig } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import type { Initializer } from "../src/graph/initializer.js";
import { selectBackend } from "../src/saved/backend.js";
import { count } from "../src/show-value.js";
import { Trainer } from "../src/train/trainer.js";
import type { TrainingEvent } from "../src/train/training-event.js";
import type { FigureTable } from "./figure.js";
import { residentBytes } from "./resident-bytes.js";

const DIM = 16;
const EXAMPLES = 200_000;
const BATCH = 2048;
const DISK_BYTES = 1 << 30;
/** Numbers that are filled to measure the rate; all of a large table would be three tables in memory. */
const FILLED = 1 << 26;

const secondsOf = async <T>(work: () => T | Promise<T>): Promise<[seconds: number, result: T]> => {
  const started = performance.now();
  const result = await work();
  return [(performance.now() - started) / 1000, result];
};
const perSecond = (size: number, seconds: number): string => `${bytes(size / seconds)}/s`;

/**
 * What a table of `rows` rows of 16 numbers, trained by row-wise Adagrad, costs from its initialization to the evaluation
 * of its best checkpoint. It must be the process's only figure: memory is that of the process.
 */
export async function tableLife(rows: number): Promise<FigureTable> {
  const folder = mkdtempSync(join(tmpdir(), "pairloom-table-"));
  try {
    const weights = rows * DIM * 4;
    const state = rows * 4;
    const filled = Math.min(rows * DIM, FILLED);
    const initial = await initialization(filled);
    const written = await plainWrite(join(folder, "plain"));
    const training = await life(rows, folder);
    const line = (name: string, value: string) => [name, value];
    return {
      head: [`${count(rows)} rows of ${DIM}, row-wise Adagrad`, ""],
      rows: [
        line("table and state", bytes(weights + state)),
        line("constant (a parallel memset)", perSecond(filled * 4, initial.constant)),
        line("uniform, share of that", (initial.constant / initial.uniform).toFixed(2)),
        line("normal, share of that", (initial.constant / initial.normal).toFixed(2)),
        line("training, samples a second", count(Math.round(training.rate))),
        line("plain write and sync", perSecond(DISK_BYTES, written)),
        line("checkpoint", perSecond(training.saved, training.saveSeconds)),
        line("resume (verified, loaded)", perSecond(training.saved, training.loadSeconds)),
        line("best checkpoint evaluated (verified, mapped)", perSecond(weights, training.evaluateSeconds)),
        line(
          "peak memory of its own, share of table and state",
          (training.peak / (weights + state)).toFixed(3),
        ),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds to make a memory and fill it. */
async function initialization(elements: number) {
  const { backend } = selectBackend();
  const fill = async (init: Initializer) =>
    (await secondsOf(() => backend.allocate(elements).fill(init, 1, 1)))[0];
  return {
    constant: await fill({ kind: "constant", value: 1 }),
    uniform: await fill({ kind: "uniform", low: -0.01, high: 0.01 }),
    normal: await fill({ kind: "normal", mean: 0, std: 0.01 }),
  };
}

/** Seconds to write and sync a file from one buffer. */
async function plainWrite(path: string): Promise<number> {
  const buffer = Buffer.alloc(4 << 20, 1);
  const file = await open(path, "w");
  const [seconds] = await secondsOf(async () => {
    for (let written = 0; written < DISK_BYTES; written += buffer.length) await file.write(buffer);
    await file.sync();
  });
  await file.close();
  rmSync(path);
  return seconds;
}

/** A file of rows whose ids are spread over the table. */
function examples(folder: string, name: string, rows: number, size: number): string {
  const path = join(folder, name);
  const lines = Array.from({ length: size }, (_, i) => `${(i * 7919) % rows},${i % 7},${i % 2}`);
  writeFileSync(path, ["id,x,y", ...lines, ""].join("\n"));
  return path;
}

async function life(rows: number, folder: string) {
  const config = resolveConfig({
    data: {
      train: { path: examples(folder, "train.csv", rows, EXAMPLES) },
      valid: { path: examples(folder, "valid.csv", rows, 1000) },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [
      { kind: "id", name: "id", buckets: rows },
      { kind: "number", name: "x" },
    ],
    model: {
      kind: "dlrm",
      embeddingDim: DIM,
      dense: { features: ["x"], mlp: { hiddenUnits: [DIM] } },
      sparse: { features: ["id"] },
      final: { hiddenUnits: [16] },
    },
    train: {
      batchSize: BATCH,
      epochs: 1,
      optimizer: { embedding: { kind: "rowWiseAdagrad", learningRate: 0.1 } },
    },
  });
  const { features, splits } = await prepareData({ data: config.data, features: config.features });
  const peak = new Peak();
  const runDir = join(folder, "run");
  const options = { config, features, ...splits, backend: selectBackend().backend, runDir };
  let evaluated = 0;
  let saveSeconds = 0;
  const listener = ({ kind }: TrainingEvent) => {
    if (kind === "evaluated") evaluated = performance.now();
    if (kind === "checkpointed") saveSeconds = (performance.now() - evaluated) / 1000;
  };
  const trainer = new Trainer({ ...options, train: splits.train, listener });
  const result = await trainer.run();
  const [evaluateSeconds] = await secondsOf(() => trainer.evaluate(result.checkpoint, splits.valid!));
  const peakBytes = peak.stop();
  const files = [MODEL_FILE, OPTIMIZER_FILE].map((name) => statSync(join(result.checkpoint.dir, name)).size);
  const saved = files[0] + files[1];
  const rate = result.trainRows / result.trainSeconds;
  const loadSeconds = await resumed({ ...options, train: splits.train, resume: true });
  return { saved, rate, saveSeconds, evaluateSeconds, loadSeconds, peak: peakBytes };
}

/** Seconds to make a trainer's parameters and read a finished run's checkpoint into them. */
async function resumed(options: ConstructorParameters<typeof Trainer>[0]): Promise<number> {
  return (await secondsOf(() => new Trainer(options).run()))[0];
}

/** The most memory that this process had to itself, without pages of mapped files. */
class Peak {
  private most = 0;
  private readonly timer = setInterval(() => this.sample(), 20);

  stop(): number {
    clearInterval(this.timer);
    this.sample();
    return this.most;
  }

  private sample(): void {
    this.most = Math.max(this.most, residentBytes());
  }
}
