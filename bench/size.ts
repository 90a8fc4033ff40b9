import { deepfm, equalTables, type Workload } from "../src/bench/workloads.js";
import { bytes } from "../src/cli/tables.js";
import { modelSchema } from "../src/models/index.js";
import { count } from "../src/show-value.js";
import { type Case, type Figure, measureCases, median, micro, spread } from "./figure.js";

const BATCH = 2048;
const DIM = 16;
const ROWS = 100_000;
const FIELDS = 26;

/**
 * DeepFM as it grows: in fields (each with a table of its own), which should cost in proportion, and in rows of its
 * tables, which should cost only what the caches can no longer hold.
 */
export const size: Figure = {
  title: `DeepFM, dim ${DIM}, by fields and by rows a table, batch ${BATCH}`,
  async run(options) {
    const sizes = [
      ...[13, 26, 52, 104].map((fields) => ({ fields, rows: ROWS })),
      ...[1000, 10_000, 1_000_000].map((rows) => ({ fields: FIELDS, rows })),
    ];
    const cases = sizes.map(
      ({ fields, rows }): Case => ({
        name: `${fields} fields, ${count(rows)} rows`,
        workload: growing(fields, rows),
        batch: BATCH,
        threads: options.threads,
      }),
    );
    const results = await measureCases(cases, options);
    const table = cases.map((each) => {
      const rates = results.get(each)!;
      const train = rates.map((r) => r.train_samples_per_s);
      const infer = rates.map((r) => r.infer_samples_per_s);
      return [
        each.name,
        spread(train),
        spread(infer),
        micro(1 / median(train) / each.workload.tables.length),
        bytes(median(rates.map((r) => r.peak_memory_bytes))),
      ];
    });
    return {
      head: ["tables", "train", "infer", "µs a sample and field, training", "peak memory"],
      rows: table,
    };
  },
};

function growing(fields: number, rows: number): Workload {
  const model = modelSchema.parse(deepfm(fields, DIM, [400, 400, 400]));
  return { name: "deepfm", model, tables: equalTables(fields, rows), dense: 13 };
}
