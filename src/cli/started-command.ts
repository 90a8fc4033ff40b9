import { type ParseArgsConfig, parseArgs } from "node:util";

/** The options of launch. */
export const LAUNCH_OPTIONS = {
  n: { type: "string", short: "n" },
  hosts: { type: "string" },
} as const satisfies ParseArgsConfig["options"];

/** The command that launch starts, with its arguments: all from the first word that is no option. Empty if there is none. */
export function startedCommand(rawArgs: readonly string[]): string[] {
  const { tokens } = parseArgs({ args: [...rawArgs], options: LAUNCH_OPTIONS, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind === "positional");
  return first ? rawArgs.slice(first.index) : [];
}
