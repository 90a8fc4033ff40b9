import type { ArgDef, ArgsDef } from "citty";
import { COMMANDS } from "../../src/cli/main.js";

const END = "<!-- end of options -->";
const LINE = 110;

/** `docs/cli.md` with the usage and the options of every command replaced by those of its definition. */
export async function withCommandOptions(document: string): Promise<string> {
  let text = document;
  for (const [name, load] of Object.entries(COMMANDS)) {
    const args = ((await load()).args ?? {}) as ArgsDef;
    text = replaced(text, name, args);
  }
  return text;
}

function replaced(text: string, name: string, args: ArgsDef): string {
  const begin = `<!-- options: ${name} -->`;
  const [before, rest] = text.split(begin);
  const [, ...after] = rest?.split(END) ?? [];
  if (after.length > 0)
    return `${before}${begin}\n${usage(name, args)}\n${optionTable(args)}${END}${after.join(END)}`;
  throw new Error(
    `docs/cli.md does not describe \`pairloom ${name}\`: add a section "## ${name}" with the lines ${begin} and ${END}`,
  );
}

function usage(name: string, args: ArgsDef): string {
  const words = Object.entries(args).map(([key, arg]) => word(key, arg));
  return `\`\`\`text\n${wrapped(`pairloom ${name}`, words)}\n\`\`\`\n`;
}

function word(key: string, arg: ArgDef): string {
  const shown = arg.type === "positional" ? `<${key}>` : option(key, arg);
  return isRequired(arg) ? shown : `[${shown}]`;
}

/** citty asks for a positional argument unless it says otherwise or has a default. */
const isRequired = ({ type, required, default: start }: ArgDef): boolean =>
  required ?? (type === "positional" && start === undefined);

function option(key: string, { type, valueHint }: ArgDef): string {
  return type === "boolean" ? `--${key}` : `--${key} ${valueHint ?? "value"}`;
}

/** The words after the command, in lines that start below the first word. */
function wrapped(command: string, words: readonly string[]): string {
  const lines = [command];
  for (const next of words) {
    const last = lines[lines.length - 1];
    if (last.length + 1 + next.length <= LINE) lines[lines.length - 1] = `${last} ${next}`;
    else lines.push(`${" ".repeat(command.length)} ${next}`);
  }
  return lines.join("\n");
}

function optionTable(args: ArgsDef): string {
  if (Object.keys(args).length === 0) return "";
  const rows = Object.entries(args).map(([key, arg]) => {
    const shown = arg.type === "positional" ? `<${key}>` : option(key, arg);
    const isSaid = arg.default === undefined || arg.description?.includes("(default");
    const start = isSaid ? "" : ` (default ${arg.default})`;
    const meaning = arg.description?.replaceAll("<", "\\<");
    return `| \`${shown.replaceAll("|", "\\|")}\` | ${meaning}${start} |\n`;
  });
  return `| Option | Meaning |\n|---|---|\n${rows.join("")}`;
}
