import { type ArgsDef, type CommandDef, defineCommand, type ParsedArgs } from "citty";
import { PairloomError } from "../errors.js";
import { nearNames } from "../near-names.js";
import { type CommandName, DESCRIPTIONS } from "./commands/descriptions.js";
import { optionName } from "./option-name.js";

/** An error in the command line. */
export class UsageError extends PairloomError {}

/**
 * A command of the CLI. Unknown options are refused with similar names; citty alone would ignore them.
 */
export function command<const T extends ArgsDef>(
  name: CommandName,
  args: T,
  run: (args: ParsedArgs<T>, rawArgs: readonly string[]) => Promise<void>,
): CommandDef<T> {
  return defineCommand({
    meta: { name, description: DESCRIPTIONS[name] },
    args,
    run: async ({ args: parsed, rawArgs }) => {
      refuseUnknownFlags(name, args, rawArgs);
      refuseMissingValues(name, args, rawArgs);
      refuseExtraArguments(name, args, parsed._, rawArgs);
      await run(parsed as ParsedArgs<T>, rawArgs);
    },
  });
}

/** `--id -7` as `--id=-7`: citty takes what begins with a dash for options, and says nothing. */
export function joinNegativeValues(args: ArgsDef, rawArgs: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of rawArgs) {
    const option = joined.at(-1);
    const isValue =
      /^-[\d.]/.test(arg) && option?.startsWith("--") && args[option.slice(2)]?.type === "string";
    if (isValue) joined[joined.length - 1] = `${option}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

function refuseUnknownFlags(name: string, args: ArgsDef, rawArgs: readonly string[]): void {
  const flags = Object.keys(args).filter((key) => args[key].type !== "positional");
  for (const raw of rawArgs) {
    if (raw === "--") return;
    const flag = /^--?([a-zA-Z][\w-]*)/.exec(raw)?.[1];
    if (flag === undefined || flags.includes(flag)) continue;
    throw new UsageError({
      what: `pairloom ${name} has no option ${raw.split("=")[0]}`,
      expected:
        flags.length > 0 ? `one of ${nearNames(flag, flags).map(optionName).join(", ")}` : "no options",
      next: `Run npx pairloom ${name} --help to list the options.`,
    });
  }
}

/** `--label --force`, and `--label` at the end: citty takes the next option, or nothing, for the value. */
function refuseMissingValues(name: string, args: ArgsDef, rawArgs: readonly string[]): void {
  const takesValue = (flag: string) => args[flag.slice(2)]?.type === "string";
  for (const [i, raw] of rawArgs.entries()) {
    if (raw === "--") return;
    const next = rawArgs[i + 1];
    if (!raw.startsWith("--") || !takesValue(raw) || (next !== undefined && !isFlagOf(args, next))) continue;
    throw new UsageError({
      what: `${raw} needs a value`,
      got: next ?? "nothing after it",
      expected: `${raw} ${args[raw.slice(2)].valueHint ?? "value"}`,
      next: `Run npx pairloom ${name} --help to see the usage.`,
    });
  }
}

const isFlagOf = (args: ArgsDef, text: string): boolean =>
  text.startsWith("--") && Object.hasOwn(args, text.slice(2).split("=")[0]);

function refuseExtraArguments(
  name: string,
  args: ArgsDef,
  rest: readonly string[],
  rawArgs: readonly string[],
): void {
  const positional = Object.values(args).filter(({ type }) => type === "positional").length;
  const lists = Object.keys(args).filter((key) => args[key].valueHint?.endsWith("..."));
  // citty puts all values of `--data a b c` except the first into the positional arguments.
  const listed = lists.flatMap((key) => listOption(key, rawArgs));
  const extra = rest.slice(positional).filter((value) => !listed.includes(value));
  if (extra.length === 0) return;
  throw new UsageError({
    what: `pairloom ${name} takes ${positional} argument${positional === 1 ? "" : "s"}`,
    got: rest.join(" "),
    next: `Run npx pairloom ${name} --help to see the usage.`,
  });
}

/** All values of `--name a b c`, also if the option is repeated. */
export function listOption(name: string, rawArgs: readonly string[]): string[] {
  const values: string[] = [];
  let taking = false;
  for (const arg of rawArgs) {
    if (arg.startsWith(`--${name}=`)) values.push(arg.slice(name.length + 3));
    else if (arg.startsWith("-")) taking = arg === `--${name}`;
    else if (taking) values.push(arg);
  }
  return values;
}

/** An upper bound for native threads. */
export const MAX_THREADS = 1024;

/** Parses an option as an integer from 1 to `most`; `example` is shown in an error. */
export function countOption(
  name: string,
  text: string | undefined,
  most = Number.MAX_SAFE_INTEGER,
  example = 2,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  const limit = most < Number.MAX_SAFE_INTEGER ? `, at most ${most}` : "";
  throw new UsageError({
    what: `${optionName(name)} needs an integer above 0${limit}`,
    got: text,
    next: `For example ${optionName(name)} ${example}.`,
  });
}

/** Parses an option as one of several words. */
export function choiceOption<T extends string>(
  name: string,
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice) return choice;
  throw new UsageError({
    what: `${optionName(name)} has an unknown value`,
    got: text,
    expected: choices.join(" or "),
    next: `For example ${optionName(name)} ${choices[0]}.`,
  });
}
