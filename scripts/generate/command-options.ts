import type { ArgDef, ArgsDef } from "citty";
import { fillLines } from "../../src/cli/fill-lines.js";
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
  const command = `pairloom ${name}`;
  const lines = fillLines(command, words, LINE, " ".repeat(command.length + 1));
  return `\`\`\`text\n${lines.join("\n")}\n\`\`\`\n`;
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
