import { spawnSync } from "node:child_process";
import type { ArgsDef } from "citty";
import { afterAll, beforeAll, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/main.js";
import { type CliResult, cli, measureCeilingsOnce, type World } from "../cli-world.js";
import { BLOCKS, PAGES, type Page, proseOf } from "./pages.js";
import { commandsOf, type Words, wordsOf } from "./shell.js";
import { makeDocsWorld, makePageWorld } from "./world.js";

/** Commands that measure for minutes, or that only the reader can stop: only their options are checked. */
const NEVER_RUN = ["bench", "watch", "build-native"];

let world: World;
beforeAll(async () => {
  world = await makeDocsWorld();
  return measureCeilingsOnce();
});
afterAll(() => world.remove());

const isRun = ({ language, notes }: Page["blocks"][number]): boolean =>
  (language === "sh" && notes["not run"] === undefined) || notes["printed by"] !== undefined;

it.each(PAGES.filter(({ blocks }) => blocks.some(isRun)))(
  "the commands of $path run, and print what it shows",
  async (page) => {
    const here = makePageWorld(world, page);
    try {
      for (const { notes, text, place } of page.blocks.filter(isRun)) {
        const shown = notes["printed by"];
        if (shown !== undefined) expectToPrint(await run(wordsOf(shown)), text, place);
        else for (const words of commandsOf(text)) await expectToRun(words, place);
      }
    } finally {
      here.remove();
    }
  },
);

async function expectToRun(words: Words, place: string): Promise<void> {
  if (NEVER_RUN.includes(words[2])) return;
  const { code, out, err } = await run(words);
  expect(code, `${place}: ${words.join(" ")}\n${out}${err}`).toBe(0);
}

/** A sample may leave out text, with … */
function expectToPrint({ out, err }: CliResult, sample: string, place: string): void {
  const parts = sample
    .trimEnd()
    .split("…")
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  expect(`${out}${err}`, place).toMatch(new RegExp(parts.join("[\\s\\S]*")));
}

function run([program, ...words]: Words): Promise<CliResult> | CliResult {
  if (program === "npx" && words[0] === "pairloom") return cli(...words.slice(1));
  if (program !== "node") throw new Error(`${program} is not run here: say so with <!-- not run: reason -->`);
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  return { code: status ?? 1, out: stdout, err: stderr };
}

it("every code block names its language", () => {
  const known = ["sh", "text", "ts", "js", "json", "jsonl", "python", "java", "yaml", "dockerfile"];
  expect(BLOCKS.filter(({ language }) => !known.includes(language)).map(({ place }) => place)).toEqual([]);
});

it("every sample of an error names the command that prints it", () => {
  const samples = BLOCKS.filter(({ text }) => /^(error|warning): /m.test(text));
  expect(samples.length).toBeGreaterThan(1);
  expect(samples.filter(({ notes }) => notes["printed by"] === undefined)).toEqual([]);
});

it("every command and option that the docs name exists", async () => {
  const known = new Map<string, readonly string[]>();
  for (const [name, load] of Object.entries(COMMANDS)) {
    const args = ((await load()).args ?? {}) as ArgsDef;
    known.set(
      name,
      Object.keys(args).filter((key) => args[key].type !== "positional"),
    );
  }
  const wrong = PAGES.flatMap((page) =>
    uses(page).flatMap(({ name, options, code }) => {
      const flags = known.get(name);
      const unknown = flags === undefined ? [name] : options.filter((option) => !flags.includes(option));
      return unknown.map((each) => `${page.path}: ${each} in ${code}`);
    }),
  );
  expect(wrong).toEqual([]);
});

interface Use {
  readonly name: string;
  readonly options: readonly string[];
  readonly code: string;
}

/** What `launch` starts is the command. */
const USE = /(?:^|npx )pairloom (?:launch (?:-\S+ \S+ )+)?([a-z][a-z-]*)(.*)/;

/** Every `pairloom <command> …` of a page, in blocks and in the text. */
function uses(page: Page): Use[] {
  const spans = [...proseOf(page).matchAll(/`([^`]+)`/g)].map(([, code]) => code);
  const lines = page.blocks
    .filter(({ language }) => language !== "ts")
    .flatMap(({ text }) => text.split("\n"));
  return [...spans, ...lines].flatMap((code) => {
    const [, name, rest] = USE.exec(code) ?? [];
    if (name === undefined) return [];
    return [{ name, options: [...rest.matchAll(/--([a-z][a-z-]*)/g)].map(([, option]) => option), code }];
  });
}
