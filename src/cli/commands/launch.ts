import { type ArgsDef, defineCommand } from "citty";
import { ExecutionError } from "../../errors.js";
import { shellWord } from "../../shell-word.js";
import { EXIT } from "../failure.js";
import { LaunchedRanks } from "../launched-ranks.js";
import { findMpirun, mpirunCommand } from "../mpirun.js";
import { scriptArguments } from "../script-arguments.js";
import { LAUNCH_OPTIONS, startedCommand } from "../started-command.js";
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

export const launch = defineCommand({
  meta: { name: "launch", description: DESCRIPTIONS.launch },
  args,
  run: async ({ rawArgs }) => {
    const command = startedCommand(rawArgs);
    if (command.length === 0)
      throw new UsageError({
        what: "launch needs a command to start",
        expected: USAGE,
        next: "Add a command.",
      });
    const own = rawArgs.slice(0, rawArgs.length - command.length);
    const { values } = scriptArguments(USAGE, { options: LAUNCH_OPTIONS }, own)!;
    const ranks = countOption("n", values.n, MOST_RANKS)!;
    const hosts = hostsOption(values.hosts);
    const mpirun = findMpirun();
    const line = mpirunCommand(mpirun, {
      ranks,
      hosts,
      command: [process.execPath, ...process.execArgv, process.argv[1], ...command],
      isRoot: process.getuid?.() === 0,
    });
    console.error(line.map(shellWord).join(" "));
    const launched = new LaunchedRanks(mpirun, line);
    process.exitCode = await launched.end();
    if (process.exitCode !== EXIT.done && hosts.length > 0 && launched.areSilent) throw unreachable(hosts);
  },
});

/** Names of machines, as mpirun takes them. */
function hostsOption(text: string | undefined): string[] {
  if (text === undefined) return [];
  const hosts = text.split(",").map((host) => host.trim());
  if (hosts.every((host) => /^[^\s:-][^\s:]*$/.test(host))) return hosts;
  throw new UsageError({
    what: "not all of these are names of machines",
    where: "--hosts",
    got: JSON.stringify(text),
    expected: "names with a comma between each two, without ports and numbers of ranks",
    next: "Name every machine, as in --hosts a,b, or leave --hosts out to start all ranks on this one.",
  });
}

function unreachable(hosts: readonly string[]): ExecutionError {
  return new ExecutionError({
    what: "mpirun has ended before any rank said anything",
    where: hosts.join(", "),
    expected: "machines that this one reaches by SSH, with Node.js and Pairloom under the same paths",
    next: `\`ssh ${shellWord(hosts[0])} hostname\` must work without a password${hosts.length > 1 ? ", and so it must for each machine" : ""}.`,
  });
}
