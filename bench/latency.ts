import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "../src/serve/load.js";
import { callTimes, quantile } from "./call-times.js";
import { rowsOf, saveUntrained } from "./dlrm-kaggle.js";
import { type Figure, inRounds, micro, spread } from "./figure.js";

const ROWS = [1, 10, 100, 1000];
const WARM_UP_CALLS = 200;

/** A call of the predictor with plain JavaScript rows, on one thread: dlrm-kaggle, 13 numbers and 26 ids. */
export const latency: Figure = {
  title: "a call of the in-process predictor, dlrm-kaggle, one thread, µs",
  async run({ rounds, seconds }) {
    const folder = mkdtempSync(join(tmpdir(), "pairloom-latency-"));
    try {
      await saveUntrained(folder);
      const predictor = await load(folder, { threads: 1 });
      const cases = ROWS.map((rows) => ({ name: `${rows} rows`, rows: rowsOf(rows) }));
      const results = await inRounds(cases, rounds, async ({ rows }) =>
        callTimes(() => predictor.predict(rows), seconds, WARM_UP_CALLS),
      );
      const quantiles = (times: Float64Array[], q: number): string =>
        spread(
          times.map((each) => quantile(each, q)),
          micro,
        );
      const rows = cases.map((each) => {
        const times = results.get(each)!;
        return [each.name, quantiles(times, 0.5), quantiles(times, 0.99)];
      });
      return { head: ["", "p50", "p99"], rows };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
