import { existsSync, readFileSync } from "node:fs";
import { readTokenizer, tokensOf } from "../features/tokenizer.js";
import type { Section } from "./section.js";

/** How ids become table rows, in Pairloom and in TorchEasyRec. */
export interface IdRows {
  /** `hash`, `buckets` or `vocabulary` of a feature. */
  readonly mapping: Readonly<Record<string, unknown>>;
  /** Rows of the TorchEasyRec table. */
  readonly rows: number;
  /** The TorchEasyRec row of each Pairloom row, if they differ. The last row is for unknown values. */
  readonly order?: readonly number[];
  /** True if a value has the same row in both systems; hashes differ. */
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

/** True if the section defines how values become ids. */
export const hasMapping = (section: Section): boolean => MAPPINGS.some((name) => section.has(name));

/** @throws ImportError */
export function idRows(section: Section): IdRows {
  for (const name of ["zch", "dynamicemb"])
    if (section.has(name))
      throw section.unsupported(name, "Use hash_bucket_size: tables have a fixed size in Pairloom.");
  section.ignore(["fg_value_type"], "concerns the feature generator");
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

/** Without default_bucketize_value, row 0 is for the default value and row 1 for unknown values. */
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
      what: "several words with the same row have no counterpart",
      got: `row ${twice[1]}: ${ascending
        .filter(([, row]) => row === twice[1])
        .map(([word]) => word)
        .join(", ")}`,
      expected: "a different row for each word",
      next: "Map these words to one of them in data.train.sql, and list only that one.",
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

/** True if the vocabulary file is a tokenizer.json. */
export const isTokenizer = (file: string): boolean => file.endsWith(".json");

/** The row of a token is its id in TorchEasyRec, and its rank among the ids in Pairloom. */
function tokenizerRows(file: string): IdRows {
  const mapping = { vocabulary: { file } };
  if (!existsSync(file)) return { mapping, rows: 0, sameRows: true };
  const order = tokensOf(readTokenizer(file, "vocab_file")).map(([, id]) => id);
  return { mapping, rows: order[order.length - 1] + 1, order, sameRows: true };
}

function fromFile(section: Section, fallback: number | undefined): IdRows {
  const file = section.text("vocab_file")!;
  section.ignore(["asset_dir"], "concerns the exporter");
  if (isTokenizer(file)) return tokenizerRows(file);
  const words = existsSync(file) ? readFileSync(file, "utf8").split(/\r?\n/).filter(Boolean) : [];
  if (words.length > 0 && words.every((line) => /\s\d+$/.test(line)))
    throw section.error("vocab_file", {
      what: "a file of words and numbers has no counterpart",
      expected: "one word per line",
      next: "Write the words in the order of their numbers, one per line.",
    });
  return { ...listed(words, fallback ?? 0), mapping: { vocabulary: { file } } };
}
