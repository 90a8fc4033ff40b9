import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A code block of a page. CONTRIBUTING.md describes the languages and the comments that may stand before a block. */
export interface Block {
  /** `docs/data.md:12`: the page and the line of the block's first line of code. */
  readonly place: string;
  readonly language: string;
  readonly text: string;
  /** The comments before the block, `<!-- key: value -->`, by key. */
  readonly notes: Readonly<Partial<Record<NoteKey, string>>>;
}

export const NOTE_KEYS = ["file", "not run", "printed by", "with"] as const;
export type NoteKey = (typeof NOTE_KEYS)[number];

export interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

const isPage = (path: string): boolean => path.endsWith(".md") && path !== "CHANGELOG.md";

/** Every page of the documentation, by path from the root of the repository. */
export const PAGES: readonly Page[] = [
  ...readdirSync(ROOT),
  ...["docs", "examples"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  ),
]
  .filter(isPage)
  .sort()
  .map(readPage);

export const BLOCKS: readonly Block[] = PAGES.flatMap(({ blocks }) => blocks);

export const inLanguage = (...languages: string[]): Block[] =>
  BLOCKS.filter(({ language }) => languages.includes(language));

function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), "utf8");
  const found = text.matchAll(/((?:^<!--(?:(?!-->)[\s\S])*-->\n+)*)^ *```(.*)\n([\s\S]*?)^ *```$/gm);
  const blocks = [...found].map((match) => {
    const [, comments, language, code] = match;
    const line = text.slice(0, match.index + match[0].indexOf("```")).split("\n").length + 1;
    return { place: `${path}:${line}`, language, text: code, notes: notesIn(comments) };
  });
  return { path, text, blocks };
}

function notesIn(comments: string): Block["notes"] {
  const notes = [...comments.matchAll(/<!-- ([a-z ]+): ([\s\S]*?) -->/g)];
  return Object.fromEntries(notes.map(([, key, value]) => [key, value]));
}

/** What a command of the page writes as `pairloom.config.ts`, if one does: its types are those of this file. */
export function ownConfig(page: string): string | undefined {
  const path = join(ROOT, "test/docs/configs", `${basename(page, ".md")}.config.ts`);
  return existsSync(path) ? path : undefined;
}

/** The text of a page without its code blocks. */
export const proseOf = ({ text }: Page): string => text.replace(/^ *```[\s\S]*?^ *```$/gm, "");
