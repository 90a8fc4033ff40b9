import type { ArgDef, ArgsDef } from "citty";
import { DESCRIPTIONS } from "./commands/descriptions.js";
import { filled, fillLines } from "./fill-lines.js";
import { optionName } from "./option-name.js";

/** The help of the commands, for a terminal of 80 columns. citty's own is as wide as the longest description. */

export function helpOfAll(version: string): string {
  return [
    filled(`pairloom ${version}: train, evaluate and serve product-based ranking models from TypeScript`),
    "\nUsage: npx pairloom <command> [options]\n",
    ...Object.entries(DESCRIPTIONS).map(([name, description]) => entry(name, description)),
    "\n`npx pairloom <command> --help` lists the options of a command.",
  ].join("\n");
}

export function helpOf(name: keyof typeof DESCRIPTIONS, args: ArgsDef): string {
  const entries = Object.entries(args).map(([key, arg]) => entry(argumentText(key, arg), meaningOf(arg)));
  const usage = ["Usage: npx pairloom", name, ...usageWords(args)];
  return [
    filled(`${DESCRIPTIONS[name]}.`),
    `\n${fillLines(usage[0], usage.slice(1), " ".repeat(9)).join("\n")}`,
    ...(entries.length > 0 ? ["", ...entries] : []),
  ].join("\n");
}

const COLUMN = 18;

/** A name, and beside it its meaning; below it if the name is long. */
function entry(name: string, meaning: string): string {
  const indent = " ".repeat(COLUMN);
  const head = `  ${name}`.padEnd(COLUMN - 1);
  const [first, ...words] = meaning.split(" ");
  if (head.length < COLUMN) return fillLines(`${head} ${first}`, words, indent).join("\n");
  return [head, ...fillLines(indent + first, words, indent)].join("\n");
}

/** The arguments of a command; optional ones in brackets. */
export const usageWords = (args: ArgsDef): string[] =>
  Object.entries(args).map(([key, arg]) =>
    isRequired(arg) ? argumentText(key, arg) : `[${argumentText(key, arg)}]`,
  );

/** `<run>` or `--threads n` */
export function argumentText(key: string, { type, valueHint = "value" }: ArgDef): string {
  if (type === "positional") return `<${key}>`;
  return type === "boolean" ? optionName(key) : `${optionName(key)} ${valueHint}`;
}

/** The description of an argument, with its default. */
export function meaningOf({ description = "", default: start }: ArgDef): string {
  return start === undefined || description.includes("(default")
    ? description
    : `${description} (default ${start})`;
}

/** citty asks for a positional argument unless it says otherwise or has a default. */
const isRequired = ({ type, required, default: start }: ArgDef): boolean =>
  required ?? (type === "positional" && start === undefined);
