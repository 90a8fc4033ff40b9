import { spawnSync } from "node:child_process";
import { Runner, TRAINED } from "../src/bench/measure.js";
import { type Column, type ColumnSet, LABEL_COLUMN } from "../src/columns/columns.js";
import { ExecutionError } from "../src/errors.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { drawKey, drawUnit } from "../src/random.js";
import { selectBackend } from "../src/saved/backend.js";
import { Parameters } from "../src/train/parameters.js";
import { parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { optimizerSchema } from "../src/train/step/optimizers.js";
import { type Figure, type FigureOptions, inRounds, spread } from "./figure.js";

const BATCH = 2048;
const BATCHES = 8;
const ITEMS = 100_000;
const LONGEST = 500;
/** `floor(LONGEST^(u^p))` with u uniform in [0, 1): means of about 12.5, 25, 50 and 100. */
const POWERS = [8.23, 3.82, 1.75, 0.75];

/** The layers of the paper of DIN, over one history of items with vectors of 32 numbers. */
const MODEL = modelSchema.parse({
  kind: "mlp",
  features: ["item"],
  sequences: [
    {
      kind: "din",
      query: ["item"],
      columns: ["items"],
      mlp: { hiddenUnits: [80, 40], activation: "sigmoid" },
    },
  ],
  embeddingDim: 32,
  mlp: { hiddenUnits: [200, 80] },
});
const FEATURES: readonly FeatureInfo[] = [
  { kind: "id", name: "item", table: "item", rows: ITEMS },
  { kind: "ids", name: "items", table: "item", rows: ITEMS, sequence: "history" },
];
const OPTIMIZERS = optimizerSchema.parse({
  dense: { kind: "adam", learningRate: 0.001 },
  embedding: { kind: "adagrad", learningRate: 0.01 },
});

/** Pairloom, and the forms of the peer. */
const ENGINES = ["Pairloom", "padded", "nested"] as const;

interface Lengths {
  readonly name: string;
  readonly power: number;
  readonly engine: (typeof ENGINES)[number];
}

/**
 * Training of DIN by the mean length of histories, whose lengths follow a power law up to 500; with `--python` and `--peer
 * bench/sequences.py` also that of PyTorch on padded batches and on nested tensors.
 */
export const sequences: Figure = {
  title: `DIN over histories with a power law of lengths up to ${LONGEST}, batch ${BATCH}`,
  async run(options) {
    const engines = options.peer ? ENGINES : ENGINES.slice(0, 1);
    const cases = POWERS.flatMap((power) =>
      engines.map((engine): Lengths => ({ name: `${engine}, ${power}`, power, engine })),
    );
    const results = await inRounds(cases, options.rounds, async ({ power, engine }) =>
      engine === "Pairloom" ? ownRate(power, options) : peerRate(power, engine, options),
    );
    const rows = cases.map((each) => {
      const entries = meanLength(each.power);
      const rates = results.get(each)!;
      const perEntry = (rate: number) => `${(1e9 / rate / entries).toFixed(1)} ns`;
      return [each.engine, entries.toFixed(1), spread(rates), spread(rates, perEntry)];
    });
    return { head: ["engine", "mean length", "samples a second", "time an entry"], rows };
  },
};

async function ownRate(power: number, { threads, seconds }: FigureOptions): Promise<number> {
  const { backend } = selectBackend();
  const l2 = { dense: 0, embedding: 0, rows: "all" } as const;
  const graph = trainingGraph(
    { model: MODEL, features: FEATURES },
    { optimizers: OPTIMIZERS, l2, weighted: false },
  );
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(0);
  const executable = backend.compile(graph, parameters.memory, { maxBatch: BATCH, threads });
  return Math.round(await new Runner(executable, examples(power), BATCH, TRAINED).medianRate(seconds));
}

/** Samples per second of a program that prints them. */
function peerRate(power: number, form: string, { peer, threads, seconds }: FigureOptions): number {
  const settings = ["--form", form, "--threads", String(threads), "--seconds", String(seconds)];
  const args = [peer!.script, String(power), ...settings];
  const { stdout, stderr, status } = spawnSync(peer!.python, args, { encoding: "utf8" });
  if (status === 0) return Number(stdout);
  throw new ExecutionError({
    what: "the peer ended without a result",
    where: peer!.script,
    got: stderr.slice(-500),
  });
}

const LENGTHS = drawKey(0, 1, 0);

function lengthOf(row: number, power: number): number {
  return Math.floor(LONGEST ** (drawUnit(LENGTHS, row) ** power));
}

function meanLength(power: number): number {
  const rows = BATCH * BATCHES;
  return Array.from({ length: rows }, (_, row) => lengthOf(row, power)).reduce((a, b) => a + b) / rows;
}

function examples(power: number): ColumnSet {
  const rows = BATCH * BATCHES;
  const key = drawKey(0, 2, 0);
  const id = (index: number): number => Math.floor(ITEMS ** drawUnit(key, index)) - 1;
  const offsets = new BigUint64Array(rows + 1);
  for (let row = 0; row < rows; row++) offsets[row + 1] = offsets[row] + BigInt(lengthOf(row, power));
  const values = Int32Array.from({ length: Number(offsets[rows]) }, (_, i) => id(rows + i));
  const label = Float32Array.from({ length: rows }, (_, row) =>
    drawUnit(LENGTHS, rows + row) < 0.25 ? 1 : 0,
  );
  const columns = new Map<string, Column>([
    [
      "item",
      { kind: "id", data: Int32Array.from({ length: rows }, (_, row) => id(row)), offset: 0, stride: 1 },
    ],
    ["items", { kind: "ids", values, offsets }],
    [LABEL_COLUMN, { kind: "number", data: label, offset: 0, stride: 1, width: 1 }],
  ]);
  return { rows, columns };
}
