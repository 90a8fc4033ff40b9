import { availableParallelism, cpus } from "node:os";
import { exitCodeOf, printError } from "../src/cli/failure.js";
import { scriptArguments } from "../src/cli/script-arguments.js";
import { table } from "../src/cli/text-table.js";
import { choiceOption, countOption, MAX_THREADS, UsageError } from "../src/cli/usage.js";
import { selectBackend } from "../src/saved/backend.js";
import { batch } from "./batch.js";
import { dynamicTables } from "./dynamic-tables.js";
import { evaluation } from "./evaluate.js";
import type { Figure, FigureOptions } from "./figure.js";
import { historyRequests } from "./history-requests.js";
import { hitRates } from "./hit-rates.js";
import { ingest } from "./ingest.js";
import { largeTable } from "./large-table.js";
import { latency } from "./latency.js";
import { network } from "./network.js";
import { plan } from "./plan.js";
import { rankLoads } from "./rank-loads.js";
import { ranks } from "./ranks.js";
import { sequences } from "./sequences.js";
import { serve, serveLoad } from "./serve/serve.js";
import { shards } from "./shards.js";
import { size } from "./size.js";
import { speed } from "./speed.js";
import { tableCheckpoints } from "./table-checkpoints.js";
import { tableMemory } from "./table-memory.js";
import { tablesQuality } from "./tables-quality.js";
import { threads } from "./threads.js";
import { tierRows, tiers } from "./tiers.js";

const FIGURES = {
  speed,
  batch,
  latency,
  serve,
  "serve-load": serveLoad,
  threads,
  ranks,
  network,
  plan,
  "rank-loads": rankLoads,
  size,
  "large-table": largeTable,
  ingest,
  shards,
  evaluation,
  "dynamic-tables": dynamicTables,
  sequences,
  "history-requests": historyRequests,
  "hit-rates": hitRates,
  "table-memory": tableMemory,
  "table-checkpoints": tableCheckpoints,
  "tables-quality": tablesQuality,
  tiers,
  "tier-rows": tierRows,
};
const NAMES = Object.keys(FIGURES) as (keyof typeof FIGURES)[];

const USAGE = `npm run bench -- [FIGURE…] [--rounds 5] [--seconds 3] [--threads N] [--table-rows N] [--data DIR] [--python PATH --peer SCRIPT]
Figures: ${NAMES.join(", ")}; all by default`;

async function run(): Promise<void> {
  const parsed = scriptArguments(USAGE, {
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
      threads: { type: "string", default: String(availableParallelism()) },
      "table-rows": { type: "string" },
      data: { type: "string" },
      python: { type: "string" },
      peer: { type: "string" },
    },
  });
  if (!parsed) return;
  const { values, positionals } = parsed;
  const names = positionals.map((name) => choiceOption("figure", name, NAMES)!);
  const options: FigureOptions = {
    rounds: countOption("rounds", values.rounds)!,
    seconds: countOption("seconds", values.seconds)!,
    threads: countOption("threads", values.threads, MAX_THREADS)!,
    tableRows: countOption("table-rows", values["table-rows"], 2 ** 31),
    data: values.data,
    peer: peerOf(values),
  };
  const { name } = selectBackend().backend;
  console.log(`${cpus()[0].model}, ${name}, ${options.threads} threads, Node ${process.version}`);
  console.log(`${options.rounds} rounds of ${options.seconds} s: median (least to most)`);
  for (const figure of names.length > 0 ? names : NAMES) await print(FIGURES[figure], options);
}

async function print(figure: Figure, options: FigureOptions): Promise<void> {
  const { head, rows } = await figure.run(options);
  console.log(`\n${figure.title}\n${table(head, rows)}`);
}

function peerOf({ python, peer }: { python?: string; peer?: string }): FigureOptions["peer"] {
  if (python !== undefined && peer !== undefined) return { python, script: peer };
  if (python === undefined && peer === undefined) return undefined;
  throw new UsageError({
    what: "a peer needs both a Python and a script",
    where: "--python, --peer",
    next: "Give both, or neither.",
  });
}

run().catch((error: unknown) => {
  printError(error);
  process.exitCode = exitCodeOf(error);
});
