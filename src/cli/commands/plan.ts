import { writeFileSync } from "node:fs";
import { onDiskSync } from "../../checkpoint/disk.js";
import { topologySchema } from "../../distributed/topology.js";
import { bytesOfSize } from "../../features/schema/store.js";
import { MOST_RANKS, planFile, readJson } from "../../plan/plan-file.js";
import { waysOut } from "../../plan/ways-out.js";
import { plannerOf } from "../../run/plan-run.js";
import { loadConfig } from "../../saved/config-file.js";
import { EXIT } from "../failure.js";
import { planText } from "../plan-tables.js";
import { settingsOf, settingsOption } from "../settings-option.js";
import { command, countOption, UsageError } from "../usage.js";

export const plan = command(
  "plan",
  {
    config: {
      type: "positional",
      description: "Config file, or the folder of a pairloom.config.ts",
      required: true,
    },
    ranks: {
      type: "string",
      valueHint: "n",
      description: "Number of ranks (default: those of the topology, or 1)",
    },
    memory: {
      type: "string",
      valueHint: "size",
      description: "Memory of each rank, such as 64GiB (default: what is free in the topology)",
    },
    topology: { type: "string", valueHint: "file", description: "What doctor --ranks has measured" },
    measure: {
      type: "boolean",
      description: "Read the training data, or what is packed of it, and count its rows",
    },
    output: { type: "string", valueHint: "file", description: "Where to write the plan, for train.plan" },
    json: { type: "boolean", description: "Print the plan as JSON instead of tables" },
    ...settingsOption,
  },
  async (args, rawArgs) => {
    const topology = args.topology === undefined ? undefined : topologyOf(args.topology);
    const ranks = countOption("ranks", args.ranks, MOST_RANKS) ?? topology?.ranks.length ?? 1;
    const { config } = await loadConfig(args.config, settingsOf(rawArgs));
    const planner = await plannerOf(config, {
      topology,
      memory: memoryOption(args.memory),
      measure: args.measure,
    });
    const found = planner.plan(ranks);
    const file = planFile(found, found.fits ? [] : waysOut(planner, found));
    const text = JSON.stringify(file, null, 1);
    console.log(args.json ? text : planText(file));
    if (!file.fits) process.exitCode = EXIT.user;
    if (args.output === undefined) return;
    onDiskSync("the plan cannot be written", args.output, () => writeFileSync(args.output!, `${text}\n`));
    if (!args.json) console.log(`Written to ${args.output}.`);
  },
);

function topologyOf(path: string) {
  return readJson(path, topologySchema, {
    what: "the topology cannot be read",
    next: "Measure it again: npx pairloom launch -n 4 doctor --ranks.",
  });
}

function memoryOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = bytesOfSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new UsageError({
    what: "--memory needs a size",
    got: text,
    expected: "a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB",
    next: "For example --memory 64GiB.",
  });
}
