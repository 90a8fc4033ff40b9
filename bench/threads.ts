import { percent } from "../src/cli/tables.js";
import { type Case, type Figure, measureCases, median, type Rates, spread, workloadOf } from "./figure.js";

const WORKLOADS = ["dlrm-kaggle", "dlrm-mlperf", "xdeepfm-criteo"];
const BATCHES = [2048, 8192];

/** One thread, then two, four, … up to all. Efficiency is the rate relative to as many single threads. */
export const threads: Figure = {
  title: "Workloads by threads, samples per second",
  async run(options) {
    const counts = [...powersBelow(options.threads), options.threads];
    const cases = WORKLOADS.flatMap((name) =>
      BATCHES.flatMap((batch) => counts.map((threads) => caseOf(name, batch, threads))),
    );
    const results = await measureCases(cases, options);
    const rates = (each: Case, key: keyof Rates): number[] => results.get(each)!.map((result) => result[key]);
    const rows = cases.map((each) => {
      const single = cases.find(({ workload, batch }) => workload === each.workload && batch === each.batch)!;
      const columns = (["train_samples_per_s", "infer_samples_per_s"] as const).flatMap((key) => [
        spread(rates(each, key)),
        percent(median(rates(each, key)) / (each.threads * median(rates(single, key)))),
      ]);
      return [each.workload.name, String(each.batch), String(each.threads), ...columns];
    });
    return { head: ["workload", "batch", "threads", "train", "efficiency", "infer", "efficiency"], rows };
  },
};

function caseOf(name: string, batch: number, threads: number): Case {
  return { name: `${name}, batch ${batch}, ${threads} threads`, workload: workloadOf(name), batch, threads };
}

function powersBelow(limit: number): number[] {
  const powers: number[] = [];
  for (let power = 1; power < limit; power *= 2) powers.push(power);
  return powers;
}
