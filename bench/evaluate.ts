import { chooseBackend } from "../src/backends/choose.js";
import { prepareWorkload } from "../src/bench/measure.js";
import { examples } from "../src/bench/workloads.js";
import { evaluate, INFERENCE_BATCH, predictLogits } from "../src/train/evaluate.js";
import { BINARY } from "../src/train/task.js";
import { type Figure, spread, workloadOf } from "./figure.js";

const ROWS = 1_000_000;

/** Every metric with the exact AUC, against inference alone over the same rows, in turns. */
export const evaluation: Figure = {
  title: "evaluation and plain inference, dlrm-kaggle, a million rows, samples/s",
  async run({ rounds, threads }) {
    const workload = workloadOf("dlrm-kaggle");
    const settings = { batch: INFERENCE_BATCH, threads, seconds: 1, precision: "fp32" as const };
    const { inference } = prepareWorkload(workload, chooseBackend().backend, settings);
    const data = examples(workload, ROWS);
    const rates = { infer: [] as number[], evaluate: [] as number[] };
    for (let round = 0; round <= rounds; round++) {
      const infer = await rateOf(() => predictLogits(inference, data, 1));
      const evaluated = await rateOf(() => evaluate(inference, data, { task: BINARY, labels: ["label"] }));
      if (round === 0) continue; // warms up
      rates.infer.push(infer);
      rates.evaluate.push(evaluated);
    }
    const shares = rates.evaluate.map((rate, i) => rate / rates.infer[i]);
    const rows = [
      ["inference", spread(rates.infer)],
      ["evaluation", spread(rates.evaluate)],
      ["evaluation / inference, by round", spread(shares, (share) => share.toFixed(3))],
    ];
    return { head: ["", "rate"], rows };
  },
};

async function rateOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return Math.round((1000 * ROWS) / (performance.now() - started));
}
