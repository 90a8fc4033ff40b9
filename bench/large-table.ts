import { bytes } from "../src/cli/tables.js";
import { count } from "../src/show-value.js";
import { type Case, type Figure, measureCases, median, spread, workloadOf } from "./figure.js";
import { tableLife } from "./table-life.js";

const BATCH = 2048;
const ROWS = 50_000_000;

/**
 * dlrm-kaggle with one table of 50 million rows (dim 16; with its optimizer state 6.4 GB) beside the small one; with
 * `--table-rows N` the life of one table of N rows.
 */
export const largeTable: Figure = {
  title: `dlrm-kaggle by the rows of its first table, samples a second, batch ${BATCH}`,
  async run(options) {
    if (options.tableRows !== undefined) return tableLife(options.tableRows);
    const workload = workloadOf("dlrm-kaggle");
    const cases = [workload.tables[0], ROWS].map(
      (rows): Case => ({
        name: `${count(rows)} rows`,
        workload: { ...workload, tables: workload.tables.with(0, rows) },
        batch: BATCH,
        threads: options.threads,
      }),
    );
    const results = await measureCases(cases, options);
    const rows = cases.map((each) => {
      const rates = results.get(each)!;
      return [
        each.name,
        spread(rates.map((r) => r.train_samples_per_s)),
        spread(rates.map((r) => r.infer_samples_per_s)),
        bytes(median(rates.map((r) => r.peak_memory_bytes))),
      ];
    });
    return { head: ["first table", "train", "infer", "peak memory"], rows };
  },
};
