import { availableParallelism } from "node:os";
import { measure } from "../../bench/measure.js";
import { WORKLOADS } from "../../bench/workloads.js";
import { selectBackend } from "../../run/backend.js";
import { count, table } from "../tables.js";
import { choiceOption, command, countOption } from "../usage.js";

const NAMES = WORKLOADS.map(({ name }) => name);

export const bench = command(
  "bench",
  "Measure training and inference on synthetic data of published model shapes",
  {
    workload: { type: "string", description: `${NAMES.join(", ")}; default all`, valueHint: "NAME" },
    batch: { type: "string", description: "rows a step", default: "2048" },
    precision: { type: "string", description: "fp32", default: "fp32" },
    seconds: { type: "string", description: "seconds to train, and again to infer", default: "6" },
    threads: { type: "string", description: "native threads; default all processors" },
    json: { type: "boolean", description: "print one JSON line a workload" },
  },
  async (args) => {
    const only = choiceOption("workload", args.workload, NAMES);
    choiceOption("precision", args.precision, ["fp32"]);
    const settings = {
      batch: countOption("batch", args.batch)!,
      seconds: countOption("seconds", args.seconds)!,
      threads: countOption("threads", args.threads) ?? availableParallelism(),
    };
    const { backend } = selectBackend();
    const results = [];
    for (const workload of WORKLOADS) {
      if (only !== undefined && workload.name !== only) continue;
      const result = await measure(workload, backend, settings);
      if (args.json) console.log(JSON.stringify(result));
      results.push(result);
    }
    if (args.json) return;
    console.log(`${backend.name}, ${settings.threads} threads, batch ${settings.batch}, fp32, samples/s`);
    console.log(
      table(
        ["workload", "train", "infer"],
        results.map((result) => [
          result.workload,
          count(result.train_samples_per_s),
          count(result.infer_samples_per_s),
        ]),
      ),
    );
  },
);
