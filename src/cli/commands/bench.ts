import { availableParallelism } from "node:os";
import { measureApart } from "../../bench/apart.js";
import type { BenchResult } from "../../bench/measure.js";
import { TABLE_KINDS, WORKLOADS } from "../../bench/workloads.js";
import { PRECISIONS } from "../../graph/precision.js";
import { selectBackend } from "../../saved/backend.js";
import { count } from "../../show-value.js";
import { ceilingsLine, profileTable } from "../profile-table.js";
import { bytes } from "../tables.js";
import { table } from "../text-table.js";
import { choiceOption, command, countOption, MAX_THREADS } from "../usage.js";

const NAMES = WORKLOADS.map(({ name }) => name);

export const bench = command(
  "bench",
  {
    workload: { type: "string", description: `${NAMES.join(", ")} (default all)`, valueHint: "name" },
    batch: { type: "string", valueHint: "n", description: "Rows per step", default: "2048" },
    precision: { type: "string", valueHint: PRECISIONS.join("|"), description: "Precision", default: "fp32" },
    tables: {
      type: "string",
      valueHint: TABLE_KINDS.join("|"),
      description: "Tables whose rows are the ids, or belong to the ids in use",
      default: "fixed",
    },
    seconds: {
      type: "string",
      valueHint: "n",
      description: "Seconds to train, and again to infer",
      default: "6",
    },
    threads: { type: "string", valueHint: "n", description: "Native threads (default: all processors)" },
    profile: { type: "boolean", description: "Also show the time per instruction" },
    json: { type: "boolean", description: "Print one JSON line per workload" },
  },
  async (args) => {
    const only = choiceOption("workload", args.workload, NAMES);
    const settings = {
      precision: choiceOption("precision", args.precision, PRECISIONS)!,
      tables: choiceOption("tables", args.tables, TABLE_KINDS)!,
      batch: countOption("batch", args.batch)!,
      seconds: countOption("seconds", args.seconds)!,
      threads: countOption("threads", args.threads, MAX_THREADS) ?? availableParallelism(),
      profile: args.profile ?? false,
    };
    const results: BenchResult[] = [];
    for (const workload of WORKLOADS.filter(({ name }) => only === undefined || name === only)) {
      const result = await measureApart({ workload, settings });
      if (args.json) console.log(JSON.stringify(result));
      results.push(result);
    }
    if (args.json) return;
    const { name } = selectBackend().backend;
    console.log(
      `${name}, ${settings.threads} threads, batch ${settings.batch}, ${settings.precision}, ${settings.tables} tables, samples/s`,
    );
    console.log(resultsTable(results));
    for (const result of results) printProfile(result);
  },
);

function resultsTable(results: readonly BenchResult[]): string {
  return table(
    ["workload", "train", "infer", "peak memory"],
    results.map((result) => [
      result.workload,
      count(result.train_samples_per_s),
      count(result.infer_samples_per_s),
      bytes(result.peak_memory_bytes),
    ]),
  );
}

function printProfile({ workload, profile }: BenchResult): void {
  if (!profile) return;
  console.log(`\n${workload}, ${ceilingsLine(profile.ceilings)}`);
  console.log(profileTable("train", profile.train));
  console.log(profileTable("infer", profile.infer));
}
