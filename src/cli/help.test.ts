import type { ArgsDef } from "citty";
import { expect, it } from "vitest";
import type { CommandName } from "./commands/descriptions.js";
import { helpOf, helpOfAll } from "./help.js";
import { COMMANDS } from "./main.js";

/** No line is wider than a terminal or ends with a blank. */
function expectNarrow(text: string): void {
  const lines = text.split("\n");
  expect(lines.filter((line) => line.length > 80 || line.endsWith(" "))).toEqual([]);
}

it("lists every command", () => {
  const help = helpOfAll("1.2.3");
  expectNarrow(help);
  expect([...help.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name)).toEqual(Object.keys(COMMANDS));
});

it.each(Object.entries(COMMANDS))("shows every option of %s", async (name, load) => {
  const args = ((await load()).args ?? {}) as ArgsDef;
  const help = helpOf(name as CommandName, args);
  expectNarrow(help);
  for (const [key, { type, description }] of Object.entries(args)) {
    const option = key.length === 1 ? `-${key}` : `--${key}`;
    expect(help).toMatch(new RegExp(`^ {2}${type === "positional" ? `<${key}>` : option}( |$)`, "m"));
    expect(help.replaceAll(/\s+/g, " ")).toContain(description);
  }
});

it("shows an argument, what it takes and its default", () => {
  const args: ArgsDef = {
    run: { type: "positional", description: "Run directory", default: "runs/latest" },
    data: { type: "string", valueHint: "file...", description: "Files", required: true },
    "a-long-name-of-an-option": { type: "boolean", description: "Something" },
  };
  expect(helpOf("eval", args).split("\n").slice(2)).toEqual([
    "Usage: npx pairloom eval [<run>] --data file... [--a-long-name-of-an-option]",
    "",
    "  <run>           Run directory (default runs/latest)",
    "  --data file...  Files",
    "  --a-long-name-of-an-option",
    "                  Something",
  ]);
});
