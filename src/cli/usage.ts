import { type ArgsDef, type CommandDef, defineCommand, type ParsedArgs } from "citty";
import { PairloomError } from "../errors.js";
import { nearNames } from "../near-names.js";

/** The command line itself is wrong. */
export class UsageError extends PairloomError {}

/**
 * A command of the CLI. Flags that it does not know are refused with the nearest it does; citty alone would take them
 * without a word.
 */
export function command<const T extends ArgsDef>(
  name: string,
  description: string,
  args: T,
  run: (args: ParsedArgs<T>, rawArgs: readonly string[]) => Promise<void>,
): CommandDef<T> {
  return defineCommand({
    meta: { name, description },
    args,
    run: async ({ args: parsed, rawArgs }) => {
      refuseUnknownFlags(name, args, rawArgs);
      refuseExtraArguments(name, args, parsed._, rawArgs);
      await run(parsed as ParsedArgs<T>, rawArgs);
    },
  });
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
        flags.length > 0
          ? `one of ${nearNames(flag, flags)
              .map((known) => `--${known}`)
              .join(", ")}`
          : "no options",
      next: `npx pairloom ${name} --help lists them.`,
    });
  }
}

function refuseExtraArguments(
  name: string,
  args: ArgsDef,
  rest: readonly string[],
  rawArgs: readonly string[],
): void {
  const positional = Object.values(args).filter(({ type }) => type === "positional").length;
  const lists = Object.keys(args).filter((key) => args[key].valueHint?.endsWith("..."));
  // citty leaves all but the first value of `--data a b c` among the positional arguments.
  const listed = lists.flatMap((key) => listOption(key, rawArgs));
  const extra = rest.slice(positional).filter((value) => !listed.includes(value));
  if (extra.length === 0) return;
  throw new UsageError({
    what: `pairloom ${name} takes ${positional} argument${positional === 1 ? "" : "s"}`,
    got: rest.join(" "),
    next: `npx pairloom ${name} --help shows its form.`,
  });
}

/** The values of `--name a b c`: the option's own, those that follow it, and those of its repetitions. */
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

/** More native threads than any machine has processors. */
export const MAX_THREADS = 1024;

/** A whole number from 1 to `most`, from the text of an option. */
export function countOption(
  name: string,
  text: string | undefined,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  const limit = most < Number.MAX_SAFE_INTEGER ? `, at most ${most}` : "";
  throw new UsageError({
    what: `--${name} wants a whole number above 0${limit}`,
    got: text,
    next: `For example --${name} 2.`,
  });
}

/** One of a few words, from the text of an option. */
export function choiceOption<T extends string>(
  name: string,
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice) return choice;
  throw new UsageError({
    what: `--${name} does not know this value`,
    got: text,
    expected: choices.join(" or "),
    next: `For example --${name} ${choices[0]}.`,
  });
}
