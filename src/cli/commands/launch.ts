import { type ParseArgsConfig, parseArgs } from "node:util";
import { type ArgsDef, defineCommand } from "citty";
import { shellWord } from "../../shell-word.js";
import { LaunchedRanks } from "../launched-ranks.js";
import { findMpirun, mpirunCommand } from "../mpirun.js";
import { scriptArguments } from "../script-arguments.js";
import { countOption, UsageError } from "../usage.js";
import { DESCRIPTIONS } from "./descriptions.js";

const MOST_RANKS = 65_536;
const USAGE = "npx pairloom launch -n <ranks> [--hosts a,b] <command> [arguments]";

/** For help. What follows the first word that is no option belongs to the command that is started. */
const args = {
  n: { type: "string", valueHint: "ranks", description: "Number of ranks", required: true },
  hosts: { type: "string", valueHint: "a,b", description: "Machines to start them on (default: this one)" },
  command: {
    type: "positional",
    description: "The command to start, with its arguments: train pairloom.config.ts",
    required: true,
  },
} as const satisfies ArgsDef;

const options = {
  n: { type: "string", short: "n" },
  hosts: { type: "string" },
} as const satisfies ParseArgsConfig["options"];

export const launch = defineCommand({
  meta: { name: "launch", description: DESCRIPTIONS.launch },
  args,
  run: async ({ rawArgs }) => {
    const { own, command } = split(rawArgs);
    const { n, hosts } = scriptArguments(USAGE, { options }, own)!.values;
    const mpirun = findMpirun();
    const line = mpirunCommand(mpirun, {
      ranks: countOption("n", n, MOST_RANKS)!,
      hosts: hosts?.split(",") ?? [],
      command: [process.execPath, ...process.execArgv, process.argv[1], ...command],
      isRoot: process.getuid?.() === 0,
    });
    console.error(line.map(shellWord).join(" "));
    process.exitCode = await new LaunchedRanks(mpirun, line).end();
  },
});

/** The options of launch, and the command that it starts. */
function split(rawArgs: readonly string[]): { own: string[]; command: string[] } {
  const { tokens } = parseArgs({ args: [...rawArgs], options, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind === "positional");
  if (first) return { own: rawArgs.slice(0, first.index), command: rawArgs.slice(first.index) };
  throw new UsageError({ what: "launch needs a command to start", expected: USAGE, next: "Add a command." });
}
