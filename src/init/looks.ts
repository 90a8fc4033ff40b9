import { refusalOfText } from "../features/canonical.js";
import { instantOf } from "../features/instant.js";
import { bracketedList, listOfText } from "../features/list-text.js";
import { numberValue } from "../features/values.js";
import { dateFormatOf } from "./date-formats.js";
import { wordsOf } from "./names.js";

/** What the values of a column look like. */
export type Looks =
  | { readonly as: "empty" }
  | { readonly as: "number"; readonly numbers: Numbers }
  /** Texts, or numbers that are names. */
  | { readonly as: "id" }
  | Dates
  | Bag
  /** Numbers, the same count of them in each row. */
  | { readonly as: "vector"; readonly width: number; readonly separator: string }
  /** Words of a language. */
  | { readonly as: "words" }
  /** A type that no feature reads. */
  | { readonly as: "unreadable" };

export interface Dates {
  readonly as: "date";
  /** For numbers: what they count since 1970. */
  readonly unit?: "seconds" | "milliseconds";
  /** For texts that are not ISO 8601: the format for DuckDB's strptime. */
  readonly format?: string;
  /** Milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  readonly hasTimeOfDay: boolean;
}

export interface Bag {
  readonly as: "bag";
  /** Of texts; absent for lists. */
  readonly separator?: string;
  readonly isWeighted: boolean;
  /** Different elements in the sample. */
  readonly elements: number;
  /** How often all of them occur. */
  readonly occurrences: number;
}

export interface Numbers {
  readonly areIntegers: boolean;
  /** Values that are no numbers. */
  readonly others: readonly string[];
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  /** Third standardized moment. */
  readonly skewness: number;
  /** At 0, 0.05, …, 1. */
  readonly quantiles: readonly number[];
}

/** The different values of a column in the sample, with their rows; missing ones left out. */
export type Counts = ReadonlyMap<string, number>;

const QUANTILES = 20;
/** Texts among numbers that may stand for missing values. */
const MOST_OTHERS = 20;

/** @param form how the values are given, see `columnTexts` */
export function looksOf(name: string, form: string, counts: Counts): Looks {
  if (form === "unreadable") return { as: "unreadable" };
  if (counts.size === 0) return { as: "empty" };
  if (form === "list" || form === "map") return listLooks(counts, form === "map");
  return (
    datesOf(name, counts) ??
    numbersOf(counts) ??
    bagOf(counts) ??
    (areWords(counts) ? { as: "words" } : { as: "id" })
  );
}

function listLooks(counts: Counts, isMap: boolean): Looks {
  const lists = [...counts.keys()].map((text) => JSON.parse(text) as unknown[]);
  const width = vectorWidth(lists);
  if (!isMap && width !== undefined) return { as: "vector", width, separator: "," };
  return bagLooks(lists, counts, { isWeighted: isMap });
}

/** @param lists the elements of each value; null and empty texts are none */
function bagLooks(
  lists: readonly (readonly unknown[])[],
  counts: Counts,
  form: Pick<Bag, "separator" | "isWeighted">,
): Looks {
  const rows = [...counts.values()];
  const present = lists.map((list) => list.filter((each) => each !== null && each !== ""));
  const occurrences = present.reduce((sum, { length }, i) => sum + length * rows[i], 0);
  const elements = new Set(present.flat()).size;
  return elements === 0 ? { as: "empty" } : { as: "bag", ...form, elements, occurrences };
}

/** The length that all lists of fractions have. */
function vectorWidth(lists: readonly (readonly unknown[])[]): number | undefined {
  const width = lists[0].length;
  const all = lists.flat().map((each) => numberValue(each) ?? Number.NaN);
  const areVectors = width > 1 && lists.every(({ length }) => length === width) && all.every(Number.isFinite);
  return areVectors && !all.every(Number.isInteger) ? width : undefined;
}

const EPOCH = { seconds: [6e8, 2.2e9], milliseconds: [6e11, 2.2e12] } as const;
const TIME_WORDS = ["time", "timestamp", "ts", "date", "datetime", "at", "epoch", "created", "updated"];

function datesOf(name: string, counts: Counts): Dates | undefined {
  const texts = [...counts.keys()];
  const isoTimes = texts.map(instantOf);
  if (isoTimes.every(Number.isFinite)) return rangeOf(isoTimes);
  const numbers = texts.map(Number);
  const isNamedTime = wordsOf(name).some((word) => TIME_WORDS.includes(word));
  for (const [unit, [from, to]] of Object.entries(EPOCH) as [keyof typeof EPOCH, readonly [number, number]][])
    if (isNamedTime && numbers.every((number) => number >= from && number <= to))
      return { ...rangeOf(numbers.map((number) => (unit === "seconds" ? 1000 * number : number))), unit };
  const found = dateFormatOf(texts);
  return found && { ...rangeOf(found.times), format: found.format };
}

/** A value of a column of dates in milliseconds since 1970; NaN if it is none. */
export function timeOf(text: string, { unit, format }: Pick<Dates, "unit" | "format">): number {
  if (unit !== undefined) return Number(text) * (unit === "seconds" ? 1000 : 1);
  return format === undefined ? instantOf(text) : (dateFormatOf([text], format)?.times[0] ?? Number.NaN);
}

function rangeOf(times: readonly number[]): Dates {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const time of times) [first, last] = [Math.min(first, time), Math.max(last, time)];
  return { as: "date", first, last, hasTimeOfDay: times.some((time) => time % 86_400_000 !== 0) };
}

function numbersOf(counts: Counts): Looks | undefined {
  const parsed = [...counts].map(([text, rows]) => ({ text, rows, number: numberOf(text) }));
  const numbers = parsed.filter(({ number }) => Number.isFinite(number));
  const others = parsed.filter(({ number }) => !Number.isFinite(number));
  const rows = (of: readonly { rows: number }[]) => of.reduce((sum, each) => sum + each.rows, 0);
  if (others.length > MOST_OTHERS || rows(others) > 0.1 * rows(parsed)) return undefined;
  // Digits with a leading zero are codes, and words of a truth value are a pair of names.
  const areCodes = others.some(({ text }) => /^\d+$/.test(text));
  if (areCodes || numbers.every(({ text }) => /^(true|false)$/i.test(text))) return undefined;
  return { as: "number", numbers: { ...statistics(numbers), others: others.map(({ text }) => text) } };
}

/** Digits after a leading zero are a code, such as a postcode. */
function numberOf(text: string): number {
  return /^[+-]?0\d/.test(text) ? Number.NaN : (numberValue(text) ?? Number.NaN);
}

function statistics(values: readonly { number: number; rows: number }[]): Omit<Numbers, "others"> {
  const sorted = [...values].sort((a, b) => a.number - b.number);
  const rows = sorted.reduce((sum, each) => sum + each.rows, 0);
  const moment = (of: (number: number) => number) =>
    sorted.reduce((sum, each) => sum + of(each.number) * (each.rows / rows), 0);
  const mean = moment((number) => number);
  const std = Math.sqrt(moment((number) => (number - mean) ** 2));
  return {
    areIntegers: sorted.every(({ number }) => Number.isInteger(number)),
    min: sorted[0].number,
    max: sorted.at(-1)!.number,
    mean,
    std,
    skewness: std > 0 ? moment((number) => ((number - mean) / std) ** 3) : 0,
    quantiles: quantilesOf(sorted, rows),
  };
}

function quantilesOf(sorted: readonly { number: number; rows: number }[], rows: number): number[] {
  const quantiles: number[] = [];
  let below = 0;
  for (const { number, rows: count } of sorted) {
    below += count;
    while (quantiles.length <= QUANTILES && below >= (quantiles.length / QUANTILES) * rows * (1 - 1e-12))
      quantiles.push(number);
  }
  return quantiles;
}

const SEPARATORS = ["|", ";", ",", "~", "/", " "];
/** Longer parts are sentences. */
const LONGEST_ELEMENT = 40;

/** Lists in brackets, or texts whose parts repeat more than the whole. */
function bagOf(counts: Counts): Looks | undefined {
  const texts = [...counts.keys()];
  const lists = texts.map(bracketedList);
  if (lists.every((list) => list !== undefined)) {
    const width = vectorWidth(lists as string[][]);
    if (width !== undefined) return { as: "vector", width, separator: "," };
    return bagLooks(lists as string[][], counts, { separator: ",", isWeighted: false });
  }
  for (const separator of SEPARATORS) {
    const found = separatedBy(counts, separator);
    if (found) return found;
  }
  return undefined;
}

const WEIGHTED = /^.+:[+-]?(\d+\.?\d*|\.\d+)$/;

function separatedBy(counts: Counts, separator: string): Looks | undefined {
  const texts = [...counts.keys()];
  const parts = texts.map((text) => listOfText(text, separator).map(String));
  const several = parts.filter(({ length }) => length > 1);
  if (several.length < 0.3 * texts.length || several.length < 3) return undefined;
  const width = vectorWidth(parts);
  if (width !== undefined) return { as: "vector", width, separator };
  const all = parts.flat();
  if (!all.every((part) => isElement(part, separator))) return undefined;
  const elements = new Set(all);
  // The words of a name or of a sentence hardly repeat.
  if (elements.size > 0.5 * all.length || (separator === " " && elements.size > 0.1 * all.length))
    return undefined;
  const isWeighted = all.every((part) => WEIGHTED.test(part));
  const named = (part: string) => (isWeighted ? part.slice(0, part.lastIndexOf(":")) : part);
  return bagLooks(
    parts.map((each) => each.map(named)),
    counts,
    { separator, isWeighted },
  );
}

/** False for what a feature refuses, and for a part of a sentence. */
const isElement = (part: string, separator: string): boolean =>
  refusalOfText(part) === 0 && part.length <= LONGEST_ELEMENT && !(separator === "," && part.startsWith(" "));

/** A word that occurs so often shows that texts have words in common; a vocabulary has those that occur 3 times. */
const OFTEN = 6;

/** Texts of several words, most of them different. */
function areWords(counts: Counts): boolean {
  const rows = [...counts.values()].reduce((sum, each) => sum + each, 0);
  const words = [...counts.keys()].flatMap((text) => text.toLowerCase().trim().split(/\s+/));
  if (counts.size <= 0.5 * rows || words.length < 3 * counts.size) return false;
  const found = new Map<string, number>();
  for (const word of words) found.set(word, (found.get(word) ?? 0) + 1);
  return [...found.values()].some((times) => times >= OFTEN);
}
