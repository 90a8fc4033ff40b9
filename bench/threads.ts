import { percent } from "../src/cli/tables.js";
import { type Case, type Figure, measureCases, median, type Rates, spread, workloadOf } from "./figure.js";

const BATCH = 2048;

/** One thread, then two, four, … up to all: efficiency is the rate over that of as many single threads. */
export const threads: Figure = {
  title: `dlrm-kaggle by threads, samples a second, batch ${BATCH}`,
  async run(options) {
    const workload = workloadOf("dlrm-kaggle");
    const counts = [...powersBelow(options.threads), options.threads];
    const cases = counts.map(
      (threads): Case => ({ name: `${threads} threads`, workload, batch: BATCH, threads }),
    );
    const results = await measureCases(cases, options);
    const rates = (each: Case, key: keyof Rates): number[] => results.get(each)!.map((result) => result[key]);
    const rows = cases.map((each) => [
      String(each.threads),
      ...(["train_samples_per_s", "infer_samples_per_s"] as const).flatMap((key) => [
        spread(rates(each, key)),
        percent(median(rates(each, key)) / (each.threads * median(rates(cases[0], key)))),
      ]),
    ]);
    return { head: ["threads", "train", "efficiency", "infer", "efficiency"], rows };
  },
};

function powersBelow(limit: number): number[] {
  const powers: number[] = [];
  for (let power = 1; power < limit; power *= 2) powers.push(power);
  return powers;
}
