import { existsSync, realpathSync } from "node:fs";
import { relative } from "node:path";
import { broadcastJson, type World } from "../../distributed/world.js";
import { CheckpointError } from "../../errors.js";
import { BUILD_COMMAND } from "../../native/find-core.js";
import { type ContinueResult, continueRun } from "../../run/continue/continue-run.js";
import { modelWarnings } from "../../run/model-warnings.js";
import type { RunEvent } from "../../run/run-event.js";
import { sqlWithoutLabel } from "../../run/sql-without-label.js";
import { tableWarnings } from "../../run/table-warnings.js";
import { type RunResult, trainRun } from "../../run/train-run.js";
import { BACKEND_NAMES, type SelectedBackend, selectBackend } from "../../saved/backend.js";
import { type LoadedConfig, loadConfig } from "../../saved/config-file.js";
import { LATEST, newRunDirectory, REPORT } from "../../saved/run-directory.js";
import { shellWord, sqlOption } from "../../shell-word.js";
import { count } from "../../show-value.js";
import type { TrainConfig } from "../../train/train-config.js";
import { EXIT } from "../failure.js";
import { filled } from "../fill-lines.js";
import { Interrupt } from "../interrupt.js";
import { modelOptions } from "../model-options.js";
import { onRanks, refuseReference, threadsOfRank } from "../on-ranks.js";
import { settingsOf, settingsOption, settingTexts } from "../settings-option.js";
import { metricsTable, positiveShares } from "../tables.js";
import { TrainDisplay } from "../train-display.js";
import { choiceOption, command, countOption, MAX_THREADS, UsageError } from "../usage.js";

export const train = command(
  "train",
  {
    config: {
      type: "positional",
      description: "Config file, or the folder of a pairloom.config.ts",
      required: true,
    },
    run: { type: "string", valueHint: "dir", description: "Run directory (default runs/<folder>-<time>)" },
    resume: {
      type: "boolean",
      description: "Continue from the latest checkpoint of --run (default runs/latest)",
    },
    continue: {
      type: "boolean",
      description: "Train the model of --run (default runs/latest) on the rows that are new since then",
    },
    "until-end": {
      type: "boolean",
      description: "With --continue on a topic: stop where it ends now, instead of waiting for messages",
    },
    baselines: { type: "boolean", description: "Also train logistic regression on the same features" },
    steps: {
      type: "string",
      valueHint: "n",
      description: "Number of training steps, instead of the length in the config",
    },
    threads: { type: "string", valueHint: "n", description: "Native threads (default: all processors)" },
    backend: modelOptions.backend,
    ...settingsOption,
  },
  (args, rawArgs) => onRanks((world) => trainOn(world, args, rawArgs), "handled"),
);

interface Arguments extends Flags {
  readonly run?: string;
  readonly resume?: boolean;
  readonly continue?: boolean;
  readonly "until-end"?: boolean;
}

async function trainOn(world: World, args: Arguments, rawArgs: readonly string[]): Promise<void> {
  refuseTogether(args);
  refuseReference(world, args.backend);
  const processors = await threadsOfRank(world);
  const selected = selectBackend(choiceOption("backend", args.backend, BACKEND_NAMES), processors);
  const loaded = withOptions(await loadConfig(args.config, settingsOf(rawArgs)), {
    steps: countOption("steps", args.steps),
    threads: countOption("threads", args.threads, MAX_THREADS),
  });
  const runDir = await broadcastJson(world, world.rank === 0 ? runDirectoryOf(args, loaded.path) : undefined);
  const display = displayOf(world, () => interrupt.ask());
  const interrupt = new Interrupt(() =>
    display.log("Stopping after this step. Press Ctrl-C again to end at once."),
  );
  process.once("exit", () => display.stop());
  display.log(deviceLine(selected, loaded.config.train, processors));
  const run = {
    config: loaded.config,
    configPath: loaded.path,
    settings: settingTexts(rawArgs),
    runDir,
    backend: selected.backend,
    signal: interrupt.signal,
    listener: display.listen,
  };
  try {
    if (args.continue) {
      interrupt.ask();
      const result = await continueRun({ ...run, world, untilEnd: args["until-end"] ?? false });
      display.stop();
      return tellContinued(world, result, runDir);
    }
    const result = await trainRun({
      ...run,
      threads: processors,
      world,
      resume: args.resume ?? false,
      baselines: args.baselines ?? false,
    });
    display.stop();
    if (result.interrupted) process.exitCode = EXIT.interrupted;
    if (world.rank > 0) return;
    if (result.interrupted) tellResume(result, runDir, { ...args, settings: settingTexts(rawArgs) });
    else tellResults(result, runDir, await sqlWithoutLabel(loaded.config.data));
  } finally {
    display.stop();
    interrupt.stop();
  }
}

/** Rank 0 shows the run. */
function displayOf({ rank }: World, onTraining: () => void): Pick<TrainDisplay, "log" | "stop" | "listen"> {
  if (rank === 0) return new TrainDisplay(onTraining);
  const listen = (event: RunEvent) => {
    if (event.kind === "trainingStarted") onTraining();
  };
  return { log: () => undefined, stop: () => undefined, listen };
}

/** Options that contradict `--continue`. */
const NOT_WITH_CONTINUE = {
  resume: "A run goes on from its latest checkpoint also where it was interrupted: remove --resume.",
  baselines: "New rows are scored by the model alone: remove --baselines.",
  steps: "Each stretch of new rows is one pass: remove --steps.",
} as const;

function refuseTogether(
  args: Readonly<Partial<Record<keyof typeof NOT_WITH_CONTINUE | "continue" | "until-end", unknown>>>,
): void {
  for (const [name, next] of Object.entries(NOT_WITH_CONTINUE))
    if (args.continue && args[name as keyof typeof NOT_WITH_CONTINUE])
      throw new UsageError({ what: `--continue cannot be used with --${name}`, next });
  if (args["until-end"] && !args.continue)
    throw new UsageError({
      what: "--until-end is for --continue",
      next: "Add --continue, or remove --until-end.",
    });
}

function tellContinued(
  { rank }: World,
  { interrupted, stretches, rows, checkpoint }: ContinueResult,
  runDir: string,
): void {
  if (interrupted) process.exitCode = EXIT.interrupted;
  if (rank > 0) return;
  if (stretches > 0)
    console.log(
      `Trained on ${count(rows)} new rows in ${stretches === 1 ? "one stretch" : `${count(stretches)} stretches`}, saved in ${relative("", checkpoint.dir)}`,
    );
  if (!interrupted) return;
  console.log(
    `Interrupted at step ${count(checkpoint.manifest.step)}, saved in ${runDir}. To go on, repeat the command.`,
  );
}

function withOptions(
  { config, ...loaded }: LoadedConfig,
  { steps, threads }: { steps?: number; threads?: number },
): LoadedConfig {
  const length = steps === undefined ? {} : { steps, epochs: undefined };
  const train = { ...config.train, ...length, ...(threads !== undefined && { threads }) };
  return { ...loaded, config: { ...config, train } };
}

/** Creates the directory of a new run that has no name. */
function runDirectoryOf(args: Arguments, configPath: string): string {
  if (args.run !== undefined) return args.run;
  return args.resume || args.continue ? latestRun() : newRunDirectory(configPath);
}

function latestRun(): string {
  if (existsSync(LATEST)) return relative("", realpathSync(LATEST));
  throw new CheckpointError({
    what: "there is no run to resume",
    where: LATEST,
    next: "Name the run directory with --run, or remove --resume.",
  });
}

function deviceLine(
  { backend, fallback }: SelectedBackend,
  { threads, precision }: TrainConfig,
  processors: number,
): string {
  if (fallback !== undefined)
    return `Device: reference backend, which is many times slower: ${fallback}. Run \`${BUILD_COMMAND}\` to build it.`;
  if (backend.name === "reference")
    return "Device: reference backend, as requested (slow: only for checking)";
  const used = threads ?? processors;
  const emulated = precision === "bf16" && !backend.multipliesBf16;
  return (
    `Device: ${backend.name}, ${used === 1 ? "1 thread" : `${used} threads`}, ${precision}` +
    (emulated ? " (this processor has no bfloat16 instructions, so bf16 is not faster than fp32)" : "")
  );
}

interface Flags {
  readonly config: string;
  readonly steps?: string;
  readonly threads?: string;
  readonly backend?: string;
  readonly baselines?: boolean;
}

function tellResume(
  { report }: RunResult,
  runDir: string,
  args: Flags & { readonly settings: readonly string[] },
): void {
  const kept = (["steps", "threads", "backend"] as const).filter((name) => args[name] !== undefined);
  const flags = [
    ...kept.map((name) => ` --${name} ${args[name]}`),
    ...(args.baselines ? [" --baselines"] : []),
    ...args.settings.map((setting) => ` --set ${shellWord(setting)}`),
  ];
  console.log(`Interrupted at step ${count(report.training.step)}, saved in ${runDir}. To continue:`);
  console.log(
    `  npx pairloom train ${shellWord(args.config)} --run ${shellWord(runDir)} --resume${flags.join("")}`,
  );
}

/** @param sql for rows without a label, if it differs from that of the config */
function tellResults({ report, results }: RunResult, runDir: string, sql: string | undefined): void {
  if (results.length > 0) {
    const { evaluation } = results[0];
    const measured = `${count(evaluation.rows)} rows${positiveShares(evaluation)}`;
    const seen =
      report.measuredOn === "valid" ? " (which also selected the checkpoint: add a test split)" : "";
    console.log(`\nMeasured on the ${report.measuredOn} split, ${measured}${seen}:`);
    console.log(metricsTable(results));
  } else console.log("\nThere is no valid or test split, so nothing was evaluated: add one to data.");
  for (const warning of [...tableWarnings(report.tables ?? {}), ...modelWarnings(results)])
    console.log(filled(`Warning: ${warning}`, "  "));
  const isLatest = existsSync(LATEST) && realpathSync(LATEST) === realpathSync(runDir);
  const run = shellWord(isLatest ? LATEST : runDir);
  console.log(`Run directory: ${runDir}`);
  const logs = report.training.members ? "members/" : "tensorboard/";
  console.log(`  ${report.checkpoint}, ${REPORT}, metrics.jsonl, ${logs}`);
  console.log("Next:");
  console.log(`  npx pairloom inspect ${run}`);
  console.log(`  npx pairloom predict ${run} --data <file> --output scores.csv${sqlOption(sql)}`);
}
