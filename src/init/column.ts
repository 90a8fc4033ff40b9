import { listOfText } from "../features/list-text.js";
import { numberValue } from "../features/values.js";
import { auc } from "../metrics/index.js";
import { drift, type Parts } from "./drift.js";
import { type Counts, type Looks, looksOf, timeOf } from "./looks.js";
import { withoutSigns } from "./number-signs.js";

/** What is known of a column. */
export interface ColumnProfile {
  readonly name: string;
  /** As DuckDB writes it; texts in text files. */
  readonly type: string;
  /** Over all rows. */
  readonly missing: number;
  /** Different values over all rows, without missing ones; an estimate if `isExact` is false. */
  readonly distinct: number;
  readonly isExact: boolean;
  readonly looks: Looks;
  /** Of numbers with signs such as `$`, one of them; what is said of the values here is said of the numbers. */
  readonly signed?: string;
  /** The most frequent values of the sample; missing ones left out. */
  readonly top: readonly TopValue[];
  /**
   * How well this column alone ranks high labels above low ones, 0.5 to 1: an estimate on rows that it was not learned from.
   * Absent without a label, or with too few rows of one class.
   */
  readonly auc?: number;
  /** Of numbers, with a label: four ranges with about as many rows each, and the share of high labels in each. */
  readonly ranges?: readonly Range[];
  /** How much the values differ between parts of the rows, see {@link drift}. */
  readonly drift?: number;
}

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly rate: number;
}

export interface TopValue {
  readonly value: string;
  /** Share of the rows of the sample. */
  readonly share: number;
  /** The share of high labels among its rows; absent without a label. */
  readonly rate?: number;
}

/** A column in the sample. */
export interface SampledColumn {
  readonly name: string;
  readonly type: string;
  readonly form: string;
  /** By row; null is missing. */
  readonly texts: readonly (string | null)[];
  /** By row: whether the label is high; undefined if the row has none. */
  readonly isHigh?: readonly (boolean | undefined)[];
  readonly parts?: Parts;
}

const TOP = 8;

export function profileColumn(
  sampled: SampledColumn,
  all: { readonly missing: number; readonly distinct: number; readonly isWhole: boolean },
): ColumnProfile {
  const plain = sampled.form === "scalar" ? withoutSigns(sampled.texts) : undefined;
  const column = plain ? { ...sampled, texts: plain } : sampled;
  const { name, type, form, texts, isHigh, parts } = column;
  const counts = countsOf(texts);
  const looks = looksOf(name, form, counts);
  const strength = isHigh && singleAuc(texts, isHigh, looks);
  return {
    name,
    type,
    missing: all.missing,
    distinct: distinctOf(looks, counts, all),
    isExact: all.isWhole,
    looks,
    ...(plain && { signed: sampled.texts.find((text) => text !== null && !plain.includes(text))! }),
    top: topOf(column, looks),
    ...(strength !== undefined && { auc: strength }),
    ...(isHigh && looks.as === "number" && { ranges: rangesOf(texts, isHigh, looks.numbers.quantiles) }),
    ...(parts && { drift: drift(texts, looks, parts) }),
  };
}

function countsOf(texts: readonly (string | null)[]): Counts {
  const counts = new Map<string, number>();
  for (const text of texts) if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** Of lists, the elements of the sample. */
function distinctOf(
  looks: Looks,
  counts: Counts,
  all: { readonly distinct: number; readonly isWhole: boolean },
): number {
  if (looks.as === "bag") return looks.elements;
  return all.isWhole ? counts.size : Math.max(all.distinct, counts.size);
}

/** The most frequent values, of lists the most frequent elements. */
function topOf({ texts, isHigh }: SampledColumn, looks: Looks): TopValue[] {
  const found = new Map<string, { rows: number; high: number; labelled: number }>();
  texts.forEach((text, row) => {
    const values =
      text === null ? [] : looks.as === "bag" ? new Set(elementsOf(text, looks.separator)) : [text];
    for (const value of values) {
      const of = found.get(value) ?? { rows: 0, high: 0, labelled: 0 };
      of.rows++;
      if (isHigh?.[row] !== undefined) of.labelled++;
      if (isHigh?.[row]) of.high++;
      found.set(value, of);
    }
  });
  const top = [...found].sort((a, b) => b[1].rows - a[1].rows || (a[0] < b[0] ? -1 : 1)).slice(0, TOP);
  return top.map(([value, { rows, high, labelled }]) => ({
    value,
    share: rows / texts.length,
    ...(labelled > 0 && { rate: high / labelled }),
  }));
}

/** The quartiles; a value that fills a whole range stands alone. */
function rangesOf(
  texts: readonly (string | null)[],
  isHigh: readonly (boolean | undefined)[],
  quantiles: readonly number[],
): Range[] {
  const bounds = [...new Set([0, 5, 10, 15, 20].map((i) => quantiles[i]))];
  const ranges = bounds.slice(1).map((to, i) => ({ from: bounds[i], to, high: 0, rows: 0 }));
  texts.forEach((text, row) => {
    const number = text === null || isHigh[row] === undefined ? undefined : numberValue(text);
    const range = ranges.find(
      ({ to }, i) => number !== undefined && (number < to || i === ranges.length - 1),
    );
    if (!range) return;
    range.rows++;
    if (isHigh[row]) range.high++;
  });
  return ranges
    .filter(({ rows }) => rows > 0)
    .map(({ from, to, high, rows }) => ({ from, to, rate: high / rows }));
}

/** Rows of each class that an AUC needs to say something. */
const FEWEST_OF_CLASS = 20;
/** Rows of the mean label with which the mean of a value starts. */
const PRIOR_ROWS = 2;

/**
 * The larger of two: the AUC of the values as numbers, and that of the mean label of each value, learned from one half of
 * the rows and measured on the other. A value that occurs once says nothing on the other half, so an id of rows has 0.5.
 */
export function singleAuc(
  texts: readonly (string | null)[],
  isHigh: readonly (boolean | undefined)[],
  looks: Looks,
): number | undefined {
  const rows = [...isHigh.keys()].filter((row) => isHigh[row] !== undefined);
  const labels = Float32Array.from(rows, (row) => (isHigh[row] ? 1 : 0));
  const high = labels.reduce((sum, label) => sum + label, 0);
  if (Math.min(high, labels.length - high) < FEWEST_OF_CLASS) return undefined;
  const scores = [
    meansOf(
      rows.map((row) => texts[row]),
      labels,
      high / labels.length,
    ),
  ];
  if (looks.as === "number" || looks.as === "date") scores.push(...numberScores(rows, texts, looks));
  const found = scores
    .map((score) => auc(score, labels))
    .map((result) => (result.defined ? result.value : 0.5));
  return Math.max(...found.map((value, i) => (i === 0 ? Math.max(value, 0.5) : Math.max(value, 1 - value))));
}

/** For each row the mean label of its value among the rows of the other half. */
function meansOf(values: readonly (string | null)[], labels: Float32Array, rate: number): Float32Array {
  const sums = new Map<string | null, { high: number[]; rows: number[] }>();
  values.forEach((value, i) => {
    const of = sums.get(value) ?? { high: [0, 0], rows: [0, 0] };
    of.high[i % 2] += labels[i];
    of.rows[i % 2]++;
    sums.set(value, of);
  });
  const mean = ({ high, rows }: { high: number[]; rows: number[] }, half: number) =>
    (high[half] + PRIOR_ROWS * rate) / (rows[half] + PRIOR_ROWS);
  return Float32Array.from(values, (value, i) => mean(sums.get(value)!, 1 - (i % 2)));
}

/** The numbers themselves, rows without one in the middle. */
function numberScores(
  rows: readonly number[],
  texts: readonly (string | null)[],
  looks: Looks,
): Float32Array[] {
  const middle = looks.as === "number" ? looks.numbers.quantiles[10] : 0;
  const numbers = rows.map((row) => {
    const text = texts[row];
    const number =
      text === null ? middle : looks.as === "date" ? timeOf(text, looks) : (numberValue(text) ?? middle);
    return Number.isFinite(number) ? number : middle;
  });
  return [Float32Array.from(ranksOf(numbers))];
}

/** The rank of each number, the same for equal ones: a 32-bit float would merge large numbers. */
function ranksOf(numbers: readonly number[]): number[] {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const ranks = new Map(sorted.map((number, rank) => [number, rank]));
  return numbers.map((number) => ranks.get(number)!);
}

/** The elements of a bag in a text. */
export function elementsOf(text: string, separator: string | undefined): string[] {
  if (separator === undefined) return (JSON.parse(text) as unknown[]).map(String);
  return listOfText(text, separator).map(String);
}
