import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkpointsDir, listCheckpoints } from "../../checkpoint/index.js";
import { printGraph } from "../../graph/printer.js";
import { loadConfig } from "../../saved/config-file.js";
import { findCheckpoint } from "../../saved/find-checkpoint.js";
import { type DescribeOptions, describeModel } from "../../saved/model.js";
import { count } from "../../show-value.js";
import { rowsPerStep } from "../../train/step/gradient-accumulation.js";
import {
  describedByConfig,
  featureTable,
  parameterTable,
  programSummary,
  trainingGraphOf,
} from "../descriptions.js";
import { checkpointChoice, importModulesOption } from "../model-options.js";
import { settingsOf, settingsOption } from "../settings-option.js";
import { command } from "../usage.js";

export const inspect = command(
  "inspect",
  {
    what: { type: "positional", description: "Run directory, checkpoint or config file", required: true },
    checkpoint: {
      type: "string",
      valueHint: "best|latest|step",
      description: "Which checkpoint of a run (default best)",
    },
    "import-modules": importModulesOption,
    graph: { type: "boolean", description: "Print the equations of the model" },
    program: { type: "boolean", description: "Print the stages and memory of the compiled program" },
    training: { type: "boolean", description: "With --graph or --program: show the training step" },
    ...settingsOption,
  },
  async (args, rawArgs) => {
    const isTrained = existsSync(checkpointsDir(args.what)) || existsSync(join(args.what, "manifest.json"));
    const described = isTrained
      ? await inspectCheckpoint(args.what, args.checkpoint, {
          importModules: args["import-modules"],
          settings: settingsOf(rawArgs),
        })
      : describedByConfig((await loadConfig(args.what, settingsOf(rawArgs))).config);
    const graph = args.training ? trainingGraphOf(described) : described.graph;
    if (args.graph) return console.log(printGraph(graph));
    if (args.program) return console.log(programSummary(graph, rowsPerStep(described.config.train)));
    console.log(`\nFeatures\n${featureTable(described)}`);
    console.log(`\nParameters of ${described.config.model.kind}\n${parameterTable(described)}`);
  },
);

async function inspectCheckpoint(path: string, choice: string | undefined, options: DescribeOptions) {
  const checkpoint = await findCheckpoint(path, checkpointChoice(choice), console.error);
  const { step, epoch, metrics } = checkpoint.manifest;
  const measured = Object.entries(metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  console.log(`${checkpoint.dir}: step ${count(step)}, epoch ${epoch}`);
  if (measured.length > 0) console.log(`valid: ${measured.join(", ")}`);
  const others = (await listCheckpoints(path)).filter(({ name }) => name !== checkpoint.name);
  if (others.length > 0) console.log(`also there: ${others.map(({ name }) => name).join(", ")}`);
  return describeModel(checkpoint, options);
}
