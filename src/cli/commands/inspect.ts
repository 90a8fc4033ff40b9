import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Checkpoint, checkpointsDir, listCheckpoints } from "../../checkpoint/index.js";
import { printGraph } from "../../graph/printer.js";
import { readReport } from "../../report/run-files.js";
import { selectBackend } from "../../saved/backend.js";
import { loadConfig } from "../../saved/config-file.js";
import { findCheckpoint } from "../../saved/find-checkpoint.js";
import { hashTensors } from "../../saved/hash-tensors.js";
import { type DescribedModel, type DescribeOptions, describeModel } from "../../saved/model.js";
import { tableReports } from "../../saved/tables.js";
import { count } from "../../show-value.js";
import { rowsPerStep } from "../../train/step/gradient-accumulation.js";
import {
  describedByConfig,
  featureTable,
  parameterTable,
  programSummary,
  trainingGraphOf,
} from "../descriptions.js";
import { dynamicTablesText, tiersText } from "../dynamic-tables.js";
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
    hash: { type: "boolean", description: "Print the SHA-256 of the tensors of a checkpoint" },
    training: { type: "boolean", description: "With --graph or --program: show the training step" },
    ...settingsOption,
  },
  async (args, rawArgs) => {
    if (args.hash) return printHashes(args.what, args.checkpoint);
    const isTrained = existsSync(checkpointsDir(args.what)) || existsSync(join(args.what, "manifest.json"));
    const options = { importModules: args["import-modules"], settings: settingsOf(rawArgs) };
    const trained = isTrained ? await inspectCheckpoint(args.what, args.checkpoint, options) : undefined;
    const described = trained ?? describedByConfig((await loadConfig(args.what, options.settings)).config);
    const graph = args.training ? trainingGraphOf(described) : described.graph;
    if (args.graph) return console.log(printGraph(graph));
    if (args.program) return console.log(programSummary(graph, rowsPerStep(described.config.train)));
    console.log(`\nFeatures\n${featureTable(described)}`);
    console.log(`\nParameters of ${described.config.model.kind}\n${parameterTable(described)}`);
    if (trained) await printDynamicTables(trained);
    if (trained) await printTiers(args.what);
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
  return { ...(await describeModel(checkpoint, options)), checkpoint };
}

async function printDynamicTables({ checkpoint, ...model }: DescribedModel & { checkpoint: Checkpoint }) {
  const reports = await tableReports(checkpoint, model, selectBackend().backend);
  if (Object.keys(reports).length > 0) console.log(`\n${dynamicTablesText(reports)}`);
}

async function printTiers(path: string): Promise<void> {
  const tiers = (await readReport(path))?.tiers;
  if (tiers) console.log(`\n${tiersText(tiers)}`);
}

async function printHashes(path: string, choice: string | undefined): Promise<void> {
  const checkpoint = await findCheckpoint(path, checkpointChoice(choice), console.error);
  const { model, optimizer } = await hashTensors(checkpoint);
  console.log(`model      ${model}\noptimizer  ${optimizer}`);
}
