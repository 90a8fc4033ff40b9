import type { FeatureInput } from "../features/schema/features.js";
import { isFloatType } from "../features/sql-types.js";
import { count } from "../show-value.js";
import type { ColumnProfile } from "./column.js";
import type { Bag, Dates, Numbers } from "./looks.js";
import { featureName, namesThings } from "./names.js";

/** What becomes of a column: features that read it, or none; and why. */
export interface Decision {
  readonly column: string;
  readonly features: readonly FeatureInput[];
  readonly reason: string;
  /** The features are left out of the config, with the reason. */
  readonly isLeftOut: boolean;
}

export interface Table {
  readonly rows: number;
  /** The column by which the rows are split. */
  readonly time?: string;
  /** True if texts that are no numbers can be listed in `nullValues`. */
  readonly isText: boolean;
}

/** A column that ranks the labels this well alone tells the answer. */
export const LEAK = 0.99;
/** Different values of rows with a value, from which on a column names the rows. */
const UNIQUE = 0.9;
const FEWEST_UNIQUE = 20;

/** Decides about every column. If nothing but leaks is left, they are used. */
export function decideColumns(columns: readonly ColumnProfile[], table: Table): Decision[] {
  const taken = new Set<string>();
  const decisions = columns.map((column) => decide(column, table, taken));
  const hasFeatures = decisions.some(({ isLeftOut, features }) => !isLeftOut && features.length > 0);
  if (hasFeatures) return decisions;
  return decisions.map((decision) => ({ ...decision, isLeftOut: decision.features.length === 0 }));
}

/** The decision about a name that several columns have. */
export const leaveRepeated = (column: string): Decision => ({
  column,
  features: [],
  reason:
    "several columns have this name (capitals do not count), so no feature can read one of them; " +
    "give each a name of its own in the file",
  isLeftOut: true,
});

export const leaveWithoutTraining = (decision: Decision): Decision => ({
  ...decision,
  reason: "it has no value in the rows for training",
  isLeftOut: true,
});

function decide(column: ColumnProfile, table: Table, taken: Set<string>): Decision {
  const { name, auc } = column;
  const without = whyWithout(column, table);
  if (without !== undefined) return { column: name, features: [], reason: without, isLeftOut: true };
  const { features, reason } = featuresOf(column, table, taken);
  if (auc === undefined || auc <= LEAK)
    return { column: name, features, reason, isLeftOut: features.length === 0 };
  const leak = `alone it ranks the label with AUC ${auc.toFixed(3)}, as a column that is known only after the outcome does`;
  return { column: name, features, reason: leak, isLeftOut: true };
}

/** Why no feature can use a column; undefined if one can. */
function whyWithout(
  { name, looks, type, distinct, missing, top }: ColumnProfile,
  { rows }: Table,
): string | undefined {
  if (name === "__proto__" || name.includes("\0")) return "a config cannot have this name; rename it in sql";
  if (looks.as === "unreadable") return `no feature reads the type ${type}; derive columns from it in sql`;
  if (looks.as === "empty") return "it has no value in any row";
  if (distinct === 1 && missing === 0) return `it is ${shortened(top[0].value)} in all rows`;
  if (looks.as === "bag" && isUnique(looks.elements, looks.occurrences))
    return "(nearly) all values in its lists are different ones, so they say nothing about new rows";
  if (namesRows(name, looks, distinct, rows - missing))
    return "it has another value in (nearly) every row, so it says nothing about new rows";
  return undefined;
}

const isUnique = (distinct: number, present: number) =>
  present >= FEWEST_UNIQUE && distinct >= UNIQUE * present;

function namesRows(name: string, looks: ColumnProfile["looks"], distinct: number, present: number): boolean {
  if (!isUnique(distinct, present)) return false;
  if (looks.as === "id") return true;
  if (looks.as !== "number" || !looks.numbers.areIntegers) return false;
  const { min, max } = looks.numbers;
  return namesThings(name) || isName(looks.numbers) || max - min + 1 <= 1.1 * present;
}

interface Found {
  readonly features: readonly FeatureInput[];
  readonly reason: string;
}

function featuresOf(column: ColumnProfile, table: Table, taken: Set<string>): Found {
  const { looks } = column;
  const named = (suffix = "") => nameOf(column.name, suffix, taken);
  switch (looks.as) {
    case "date":
      return dateFeatures(
        column.name,
        looks,
        column.name === table.time,
        (part) => nameOf(column.name, `_${part}`, taken).name,
      );
    case "number":
      return numberOrId(column, looks.numbers, table, named);
    case "bag":
      return bagFeature(looks, table.rows - column.missing, named());
    case "vector":
      return {
        features: [
          {
            kind: "number",
            ...named(),
            width: looks.width,
            ...(looks.separator !== "," && { separator: looks.separator }),
          },
        ],
        reason: `a list of ${looks.width} numbers in each row`,
      };
    case "words":
      return wordsFeature(column.name, named().name);
    default:
      return idFeature(column, table, named());
  }
}

interface Named {
  readonly name: string;
  readonly column?: string;
}

function nameOf(column: string, suffix: string, taken: Set<string>): Named {
  const name = featureName(column + suffix, taken);
  return name === column ? { name } : { name, column };
}

function idFeature({ distinct, isExact, missing }: ColumnProfile, { rows }: Table, named: Named): Found {
  const present = rows - missing;
  const { mapping, reason } = mappingOf(distinct, present, present / distinct);
  return {
    features: [{ kind: "id", ...named, ...mapping }],
    reason: `${isExact ? "" : "about "}${count(distinct)} different values${reason}`,
  };
}

/** More values than this are hashed. */
export const MOST_LEARNED = 1_000_000;
/** So few values are all learned. */
const FEW = 50;
/** Where values occur so often, many are left without those that occur fewer than 5 times. */
const OFTEN = 10;

/**
 * @param rows those with a value
 * @param mean how often a value occurs
 */
function mappingOf(
  distinct: number,
  rows: number,
  mean: number,
): { mapping: { hash: number } | { vocabulary: { minCount?: number } }; reason: string } {
  if (distinct > MOST_LEARNED)
    return { mapping: hashOf(distinct), reason: ", too many to list, so they are hashed" };
  const minCount = distinct <= FEW || rows < 5_000 ? 1 : rows < 500_000 || mean < OFTEN ? 2 : 5;
  if (minCount === 1) return { mapping: { vocabulary: {} }, reason: "" };
  return {
    mapping: { vocabulary: { minCount } },
    reason: `; those that occur fewer than ${minCount} times share a row`,
  };
}

export const hashOf = (values: number) => ({ hash: 2 ** Math.ceil(Math.log2(values)) });

/** Integers of a small range that starts at 0 are used as they are. */
const MOST_BUCKETS = 64;
const FEW_INTEGERS = 12;

function numberOrId(
  column: ColumnProfile,
  numbers: Numbers,
  table: Table,
  named: (suffix?: string) => Named,
): Found {
  const { areIntegers, min, max } = numbers;
  const { distinct, name } = column;
  const isNamed =
    namesThings(name) || isName(numbers) || isSparse(numbers, distinct, table.rows - column.missing);
  if (areIntegers && isNamed) {
    const found = idFeature(column, table, named());
    return { ...found, reason: `numbers that are names: ${found.reason}` };
  }
  if (areIntegers && min === 0 && max < MOST_BUCKETS && distinct === max + 1 && distinct > 2)
    return {
      features: [{ kind: "id", ...named(), buckets: max + 1, outOfRange: "bucket" }],
      reason: `integers from 0 to ${max}`,
    };
  if (areIntegers && distinct <= FEW_INTEGERS) return idFeature(column, table, named());
  const found = numberFeature(column, numbers, table, named());
  if (table.rows < ROWS_FOR_CURVES || distinct <= FEW_INTEGERS) return found;
  const curve =
    areIntegers && distinct <= MOST_LISTED
      ? eachValue(named("_value"))
      : ranges(column, numbers, table, named("_range"));
  return { features: [...found.features, curve.feature], reason: `${found.reason}; ${curve.reason}` };
}

/** With fewer rows a number has a weight, and no curve. */
const ROWS_FOR_CURVES = 1_000;
/** Integers with up to this many values are also used as ids. */
const MOST_LISTED = 256;

interface Curve {
  readonly feature: FeatureInput;
  readonly reason: string;
}

function eachValue(named: Named): Curve {
  return {
    feature: { kind: "id", ...named, vocabulary: { minCount: 2 } },
    reason: "also each value by itself, so that the model can learn any curve",
  };
}

function ranges(column: ColumnProfile, numbers: Numbers, table: Table, named: Named): Curve {
  return {
    feature: { kind: "number", ...named, boundaries: { quantiles: 32 }, ...imputed(column, numbers, table) },
    reason: "also in 32 ranges with as many rows each, so that the model can learn any curve",
  };
}

/** Integers that a 64-bit float does not hold. */
const isName = ({ min, max }: Numbers): boolean => Math.max(-min, max) >= 2 ** 53;

/** Integers that repeat, but are spread over a range that they leave nearly empty: names rather than measurements. */
function isSparse(
  { areIntegers, min, max, skewness, quantiles }: Numbers,
  distinct: number,
  rows: number,
): boolean {
  const round = quantiles.filter((value) => value % 10 === 0).length;
  const range = max - min;
  const repeats = rows >= 2 * distinct && distinct > FEW_INTEGERS;
  return (
    areIntegers &&
    repeats &&
    range > 1e5 &&
    distinct < 1e-3 * range &&
    Math.abs(skewness) < 3 &&
    2 * round < quantiles.length
  );
}

/** Third standardized moment from which on the logarithm is taken. */
const SKEWED = 2;

function numberFeature(column: ColumnProfile, numbers: Numbers, table: Table, named: Named): Found {
  const { min, max, skewness } = numbers;
  const isSkewed = skewness > SKEWED && min >= 0;
  return {
    features: [
      {
        kind: "number",
        ...named,
        normalize: isSkewed ? "log" : "zscore",
        ...imputed(column, numbers, table),
      },
    ],
    reason: `numbers from ${shortNumber(min)} to ${shortNumber(max)}${isSkewed ? ", most of them small" : ""}`,
  };
}

/**
 * What is no number counts as missing: NaN and infinities of Parquet files, and texts. Text files list such texts in
 * `nullValues`.
 */
function imputed({ type }: ColumnProfile, { others }: Numbers, { isText }: Table) {
  return !isText && (isFloatType(type) || others.length > 0) ? ({ nonFinite: "impute" } as const) : {};
}

function bagFeature(
  { separator, isWeighted, elements, occurrences }: Bag,
  rows: number,
  named: Named,
): Found {
  const { mapping } = mappingOf(elements, rows, occurrences / elements);
  const split = separator === undefined || separator === "," ? {} : { separator };
  const shown =
    separator === undefined
      ? "lists"
      : `texts with several values, separated by ${JSON.stringify(separator)}`;
  return {
    features: [
      { kind: "ids", ...named, ...split, ...(isWeighted && { weighted: true }), ...mapping, pooling: "mean" },
    ],
    reason: `${shown}; ${count(elements)} different values${isWeighted ? ", with weights" : ""}`,
  };
}

function wordsFeature(column: string, name: string): Found {
  return {
    features: [
      {
        kind: "tokenize",
        name,
        input: column,
        normalizeText: ["lowercase"],
        vocabulary: { minCount: 3, maxSize: 20_000 },
        pooling: "mean",
      },
    ],
    reason: "texts of several words: a bag of words",
  };
}

const DAY = 86_400_000;

function dateFeatures(
  column: string,
  dates: Dates,
  isSplit: boolean,
  named: (part: string) => string,
): Found {
  const days = (dates.last - dates.first) / DAY;
  const parts = [
    ...(hasSeveralHours(dates) ? [{ part: "hour", buckets: 24 } as const] : []),
    ...(days >= 14 ? [{ part: "weekday", buckets: 7 } as const] : []),
    // Later rows have months that the training rows lack, unless there are two years.
    ...(days >= (isSplit ? 730 : 365) ? [{ part: "month", buckets: 13 } as const] : []),
    ...(!isSplit && days >= 2 ? [{ part: "daysSinceEpoch", normalize: "zscore" } as const] : []),
  ];
  const unit = dates.unit === undefined ? {} : { unit: dates.unit };
  const range = `dates from ${dayOf(dates.first)} to ${dayOf(dates.last)}`;
  return {
    features: parts.map((part) => ({
      kind: "datePart" as const,
      name: named(part.part),
      input: column,
      ...unit,
      ...part,
    })),
    reason: parts.length === 0 ? `${range}: too few days to learn from` : range,
  };
}

const HOUR = 3_600_000;

const hasSeveralHours = ({ hasTimeOfDay, first, last }: Dates): boolean =>
  hasTimeOfDay && Math.floor(first / HOUR) !== Math.floor(last / HOUR);

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
const shortNumber = (value: number): string => String(Number(value.toPrecision(5)));
const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 37)}...` : text);
