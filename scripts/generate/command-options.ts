import type { ArgsDef } from "citty";
import { fillLines } from "../../src/cli/fill-lines.js";
import { argumentText, meaningOf, usageWords } from "../../src/cli/help.js";
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
  const command = `pairloom ${name}`;
  const lines = fillLines(command, usageWords(args), " ".repeat(command.length + 1), LINE);
  return `\`\`\`text\n${lines.join("\n")}\n\`\`\`\n`;
}

function optionTable(args: ArgsDef): string {
  if (Object.keys(args).length === 0) return "";
  const rows = Object.entries(args).map(([key, arg]) => {
    const shown = argumentText(key, arg).replaceAll("|", "\\|");
    return `| \`${shown}\` | ${meaningOf(arg).replaceAll("<", "\\<")} |\n`;
  });
  return `| Option | Meaning |\n|---|---|\n${rows.join("")}`;
}
