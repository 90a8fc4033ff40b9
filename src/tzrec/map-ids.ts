import { existsSync, readFileSync } from "node:fs";
import { readTokenizer, tokensOf } from "../features/tokenizer.js";
import type { Section } from "./section.js";

/** How ids become rows, here and there. */
export interface IdRows {
  /** `hash`, `buckets` or `vocabulary` of a feature, with what belongs to it. */
  readonly mapping: Readonly<Record<string, unknown>>;
  /** Rows of their table. */
  readonly rows: number;
  /** Their row of each of our rows, where they differ. Our last row is that of unknown values. */
  readonly order?: readonly number[];
  /** Whether a value has the same row here and there; hashes differ. */
  readonly sameRows: boolean;
}

const MAPPINGS = [
  "hash_bucket_size",
  "num_buckets",
  "vocab_list",
  "vocab_dict",
  "vocab_file",
  "zch",
  "dynamicemb",
];

/** Whether the section says how values become ids. */
export const hasMapping = (section: Section): boolean => MAPPINGS.some((name) => section.has(name));

/** @throws ImportError */
export function idRows(section: Section): IdRows {
  for (const name of ["zch", "dynamicemb"])
    if (section.has(name))
      throw section.unsupported(name, "Use hash_bucket_size: tables have a fixed size here.");
  section.ignore(["fg_value_type"], "concerns their feature generator");
  const name = section.oneOf(MAPPINGS) ?? section.missing("hash_bucket_size");
  const fallback = section.number("default_bucketize_value");
  switch (name) {
    case "hash_bucket_size": {
      const hash = section.number(name)!;
      return { mapping: { hash }, rows: hash, sameRows: false };
    }
    case "num_buckets": {
      const buckets = section.number(name)!;
      return { mapping: { buckets }, rows: buckets, sameRows: true };
    }
    case "vocab_list":
      return listed(section.texts(name), fallback);
    case "vocab_dict":
      return dictionary(section, section.entries(name), fallback);
    default:
      return fromFile(section, fallback);
  }
}

/** Without a default, row 0 is that of the default value and row 1 that of unknown values. */
function listed(words: readonly string[], fallback: number | undefined): IdRows {
  const first = fallback === undefined ? 2 : 0;
  const order = [...words.map((_, i) => i + first), fallback ?? 1];
  return { mapping: { vocabulary: [...words] }, rows: words.length + first, order, sameRows: true };
}

function dictionary(section: Section, entries: [string, number][], fallback: number | undefined): IdRows {
  const ascending = [...entries].sort((a, b) => a[1] - b[1]);
  const twice = ascending.find(([, row], i) => i > 0 && row === ascending[i - 1][1]);
  if (twice)
    throw section.error("vocab_dict", {
      what: "several words of one row have no counterpart",
      got: `row ${twice[1]}: ${ascending
        .filter(([, row]) => row === twice[1])
        .map(([word]) => word)
        .join(", ")}`,
      expected: "a row of its own for each word",
      next: "Map the words to one of them in data.train.sql, and list that one.",
    });
  const words = ascending.map(([word]) => word);
  const rows = Math.max(...ascending.map(([, row]) => row), fallback ?? 1) + 1;
  return {
    mapping: { vocabulary: words },
    rows,
    order: [...ascending.map(([, row]) => row), fallback ?? 1],
    sameRows: true,
  };
}

/** Whether a vocabulary's file is that of a subword tokenizer. */
export const isTokenizer = (file: string): boolean => file.endsWith(".json");

/** A token's row is its id there, and its place among the ids here. */
function tokenizerRows(file: string): IdRows {
  const mapping = { vocabulary: { file } };
  if (!existsSync(file)) return { mapping, rows: 0, sameRows: true };
  const order = tokensOf(readTokenizer(file, "vocab_file")).map(([, id]) => id);
  return { mapping, rows: order[order.length - 1] + 1, order, sameRows: true };
}

function fromFile(section: Section, fallback: number | undefined): IdRows {
  const file = section.text("vocab_file")!;
  section.ignore(["asset_dir"], "concerns their exporter");
  if (isTokenizer(file)) return tokenizerRows(file);
  const words = existsSync(file) ? readFileSync(file, "utf8").split(/\r?\n/).filter(Boolean) : [];
  if (words.length > 0 && words.every((line) => /\s\d+$/.test(line)))
    throw section.error("vocab_file", {
      what: "a file of words and numbers has no counterpart",
      expected: "one word a line",
      next: "Write the words in the order of their numbers, one a line.",
    });
  return { ...listed(words, fallback ?? 0), mapping: { vocabulary: { file } } };
}
