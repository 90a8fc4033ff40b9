import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readTokenizer, tokensOf } from "../features/tokenizer.js";
import type { ImportError } from "./import-error.js";
import { dynamicRows, zeroCollisionRows } from "./map-dynamic.js";
import type { Section } from "./section.js";

/** How ids become table rows, in Pairloom and in TorchEasyRec. */
export interface IdRows {
  /** Set if training gives rows to ids: the weights of a checkpoint belong to ids that it does not name. */
  readonly isDynamic?: true;
  /** `hash`, `buckets`, `vocabulary` or `dynamic` of a feature, with the initializer that belongs to it. */
  readonly mapping: Readonly<Record<string, unknown>>;
  /** Rows of the TorchEasyRec table. */
  readonly rows: number;
  /** The TorchEasyRec row of each Pairloom row, if they differ. The last row is for unknown values. */
  readonly order?: readonly number[];
  /** A default that is a word of its own, because the vocabulary does not have it. */
  readonly ownDefault?: string;
  /** True if a value has the same row in both systems; hashes differ. */
  readonly sameRows: boolean;
}

const MAPPINGS: readonly [string, ...string[]] = [
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
  section.ignore(["fg_value_type"], "concerns the feature generator");
  const name = section.oneOf(MAPPINGS) ?? section.missing(...MAPPINGS);
  switch (name) {
    case "hash_bucket_size": {
      const hash = section.number(name)!;
      return { mapping: { hash }, rows: hash, sameRows: false };
    }
    case "num_buckets": {
      const buckets = section.number(name)!;
      return { mapping: { buckets }, rows: buckets, sameRows: true };
    }
    case "dynamicemb":
      return dynamicRows(section);
    case "zch":
      return zeroCollisionRows(section);
    case "vocab_list":
      return listed(section, section.texts(name));
    case "vocab_dict":
      return dictionary(section, withKeys(section, name));
    default:
      return fromFile(section);
  }
}

/** @throws ImportError for an entry without a key, such as `vocab_dict {}`: no value is an empty text */
function withKeys(section: Section, name: string): [string, number][] {
  const entries = section.entries(name);
  const empty = entries.findIndex(([word]) => word === "");
  if (empty < 0) return entries;
  throw section.error(
    name,
    {
      what: "an entry has no key",
      got: JSON.stringify(Object.fromEntries([entries[empty]])),
      expected: `an entry such as ${name} { key: "word" value: 2 }`,
      next: "Give it a key, or remove it.",
    },
    empty,
  );
}

/** The id of a missing value; empty if there is none. */
const defaultWord = (section: Section): string => section.text("default_value") ?? "";

/** A word outside the vocabulary as one more word, so that its row in TorchEasyRec is its own here too. */
function listed(section: Section, words: readonly string[]): IdRows {
  const fallback = section.number("default_bucketize_value");
  const twice = words.find((word, i) => words.indexOf(word) < i);
  if (twice !== undefined) throw wordTwice(section, twice);
  if (words.length > 0) checkFallback(section, words.length);
  const first = fallback === undefined ? 2 : 0;
  const own = defaultWord(section);
  const isNew = own !== "" && !words.includes(own);
  const rows = words.map((_, i) => i + first);
  return {
    mapping: { vocabulary: isNew ? [...words, own] : [...words] },
    // A match_feature has one row more, which nothing reads.
    rows: words.length + first + (section.kind === "MatchFeature" ? 1 : 0),
    order: [...rows, ...(isNew ? [fallback ?? 0] : []), fallback ?? 1],
    ...(isNew && { ownDefault: own }),
    sameRows: true,
  };
}

function wordTwice(section: Section, word: string): ImportError {
  const name = section.has("vocab_list") ? "vocab_list" : "vocab_file";
  return section.error(name, {
    what: "a word is listed twice",
    got: word,
    expected: "each word once",
    next: "Remove one of them; the rows of the words after it change.",
  });
}

/** @param rows of the table @throws ImportError if the row of unknown words is outside */
function checkFallback(section: Section, rows: number): void {
  const fallback = section.number("default_bucketize_value") ?? 0;
  if (fallback < rows) return;
  throw section.error("default_bucketize_value", {
    what: "this row is not in the table",
    expected: `a number below ${rows}`,
    next: "Correct it; TorchEasyRec would refuse it too.",
  });
}

/**
 * Of several words of a row, the first in alphabetical order is its word here, and the others are synonyms; a default that the
 * dictionary does not have comes after them. Without default_bucketize_value, row 0 is for the
 * default word, wherever the dictionary has it, and row 1 for unknown ones.
 */
function dictionary(section: Section, entries: readonly [string, number][]): IdRows {
  const fallback = section.number("default_bucketize_value");
  const rowOf = new Map(entries);
  const own = defaultWord(section);
  const isNew = own !== "" && !rowOf.has(own);
  if (own !== "" && fallback === undefined) rowOf.set(own, 0);
  else if (isNew) rowOf.set(own, fallback!);
  const isLast = (word: string) => Number(isNew && word === own);
  const ascending = [...rowOf].sort(
    ([a, rowOfA], [b, rowOfB]) => rowOfA - rowOfB || isLast(a) - isLast(b) || (a < b ? -1 : 1),
  );
  checkFallback(section, ascending[ascending.length - 1][1] + 1);
  const wordOf = new Map<number, string>();
  const synonyms: [string, string][] = [];
  for (const [word, row] of ascending) {
    const first = wordOf.get(row);
    if (first === undefined) wordOf.set(row, word);
    else synonyms.push([word, first]);
  }
  const vocabulary = [...wordOf.values()];
  const rows = [...wordOf.keys()];
  return {
    mapping: {
      vocabulary,
      ...(synonyms.length > 0 && { synonyms: Object.fromEntries(synonyms) }),
    },
    rows: Math.max(...rows, fallback ?? 1) + 1,
    order: [...rows, fallback ?? 1],
    ...(isNew && vocabulary.includes(own) && { ownDefault: own }),
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

/** `vocab_file` below `asset_dir`. */
export function vocabularyFile(section: Section): string {
  const file = section.text("vocab_file") ?? section.missing("vocab_file");
  return join(section.text("asset_dir") ?? "", file);
}

/** A file of words, one per line, or of words and rows. */
function fromFile(section: Section): IdRows {
  const file = vocabularyFile(section);
  if (isTokenizer(file)) return tokenizerRows(file);
  const lines = existsSync(file) ? readFileSync(file, "utf8").split(/\r?\n/).filter(Boolean) : [];
  const pairs = lines.map((line) => /^(\S+)\s+(\d+)\s*$/.exec(line));
  if (lines.length > 0 && pairs.every((pair) => pair !== null))
    return dictionary(
      section,
      pairs.map((pair) => [pair[1], Number(pair[2])]),
    );
  const { rows, order } = listed(section, lines);
  // A default word outside the file is an unknown one; TorchEasyRec requires a default_bucketize_value.
  const known = order!.filter((_, i) => i < lines.length || i === order!.length - 1);
  return { mapping: { vocabulary: { file } }, rows, order: known, sameRows: true };
}
