import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, type CommandDef, runCommand } from "citty";
import { closeNames } from "../near-names.js";
import { offerToConfigFiles } from "../saved/public-module.js";
import { version } from "../version.js";
import type { CommandName } from "./commands/descriptions.js";
import { exitCodeOf, printError } from "./failure.js";
import { helpOf, helpOfAll } from "./help.js";
import { isOtherRank, refuseRanks } from "./on-ranks.js";
import { withOptionNames } from "./option-name.js";
import { startedCommand } from "./started-command.js";
import { joinNegativeValues, UsageError } from "./usage.js";

type Loader = () => Promise<CommandDef>;

/** One file per command, loaded on use, so that `pairloom --help` does not need DuckDB. */
export const COMMANDS: Readonly<Record<CommandName, Loader>> = {
  init: () => import("./commands/init.js").then((module) => module.init as CommandDef),
  stats: () => import("./commands/stats.js").then((module) => module.stats as CommandDef),
  train: () => import("./commands/train.js").then((module) => module.train as CommandDef),
  eval: () => import("./commands/eval.js").then((module) => module.evaluate as CommandDef),
  predict: () => import("./commands/predict.js").then((module) => module.predict as CommandDef),
  serve: () => import("./commands/serve.js").then((module) => module.serve as CommandDef),
  export: () => import("./commands/export.js").then((module) => module.exportCommand as CommandDef),
  search: () => import("./commands/search.js").then((module) => module.search as CommandDef),
  runs: () => import("./commands/runs.js").then((module) => module.runs as CommandDef),
  report: () => import("./commands/report.js").then((module) => module.report as CommandDef),
  watch: () => import("./commands/watch.js").then((module) => module.watch as CommandDef),
  inspect: () => import("./commands/inspect.js").then((module) => module.inspect as CommandDef),
  tables: () => import("./commands/tables.js").then((module) => module.tables as CommandDef),
  plan: () => import("./commands/plan.js").then((module) => module.plan as CommandDef),
  launch: () => import("./commands/launch.js").then((module) => module.launch as CommandDef),
  doctor: () => import("./commands/doctor.js").then((module) => module.doctor as CommandDef),
  "build-native": () =>
    import("./commands/build-native.js").then((module) => module.buildNative as CommandDef),
  bench: () => import("./commands/bench.js").then((module) => module.bench as CommandDef),
  import: () => import("./commands/import.js").then((module) => module.importConfig as CommandDef),
};

offerToConfigFiles(() => import("../index.js"));

/** Runs one command line and sets the exit code: 0 success, 1 user error, 2 bug, 130 interrupted. */
export async function runCli(argv: readonly string[]): Promise<void> {
  try {
    await dispatch(argv);
  } catch (error) {
    // All ranks have the same command line. Those that do not tell what is wrong with it end without an error: a launcher would
    // end rank 0 for it, perhaps before it has told.
    if (error instanceof UsageError && isOtherRank()) return;
    printError(error);
    process.exitCode = exitCodeOf(error);
  }
}

async function dispatch([name, ...rest]: readonly string[]): Promise<void> {
  if (name === "--version" || name === "-v") return print(version);
  if (name === undefined || name === "--help" || name === "-h" || name === "help")
    return print(helpOfAll(version));
  if (!Object.hasOwn(COMMANDS, name)) throw unknownCommand(name);
  refuseRanks(name);
  const command = await COMMANDS[name as CommandName]();
  const started = name === "launch" ? startedCommand(rest) : [];
  if (asksForHelp(rest.slice(0, rest.length - started.length)))
    return print(helpOf(name as CommandName, command.args as ArgsDef));
  if (asksForHelp(started)) return dispatch(started);
  const rawArgs = joinNegativeValues(command.args as ArgsDef, rest);
  await runCommand(command, { rawArgs }).catch((error: Error) => {
    if (error.name !== "CLIError") throw error;
    throw new UsageError({
      what: withOptionNames(stripVTControlCharacters(error.message)),
      where: `pairloom ${name}`,
      next: `Run npx pairloom ${name} --help to see the usage.`,
    });
  });
}

const asksForHelp = (args: readonly string[]): boolean => args.includes("--help") || args.includes("-h");

function print(text: string): void {
  if (!isOtherRank()) console.log(text);
}

function unknownCommand(name: string): UsageError {
  const names = Object.keys(COMMANDS);
  return new UsageError({
    what: `there is no command "${name}"`,
    expected: `one of ${names.join(", ")}`,
    next: closeNames(name, names)
      .slice(0, 1)
      .map((near) => `Did you mean \`npx pairloom ${near}\`? `)
      .concat("`npx pairloom --help` lists the commands.")
      .join(""),
  });
}
