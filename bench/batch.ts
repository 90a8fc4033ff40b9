import { bytes } from "../src/cli/tables.js";
import { type Case, type Figure, measureCases, median, micro, spread, workloadOf } from "./figure.js";

const BATCHES = [1, 4, 16, 64, 256, 1024, 2048, 4096, 16_384, 65_536];

/** Rates from a batch of one row to one of 65,536: a cliff is a batch whose rate falls below a smaller one's. */
export const batch: Figure = {
  title: "dlrm-kaggle by rows a batch, samples a second",
  async run(options) {
    const workload = workloadOf("dlrm-kaggle");
    const cases = BATCHES.map(
      (batch): Case => ({ name: `batch ${batch}`, workload, batch, threads: options.threads }),
    );
    const results = await measureCases(cases, options);
    const rows = cases.map((each) => {
      const rates = results.get(each)!;
      const train = rates.map((r) => r.train_samples_per_s);
      return [
        each.batch.toLocaleString("en-US"),
        spread(train),
        spread(rates.map((r) => r.infer_samples_per_s)),
        micro(each.batch / median(train)),
        bytes(median(rates.map((r) => r.peak_memory_bytes))),
      ];
    });
    return { head: ["batch", "train", "infer", "µs a training step", "peak memory"], rows };
  },
};
