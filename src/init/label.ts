import { quoteName, quoteText } from "../data/source/duckdb.js";
import { DataError } from "../errors.js";
import { numberValue } from "../features/values.js";
import { count } from "../show-value.js";

/** What a label means, and how it becomes the number that a loss needs. */
export interface LabelPlan {
  readonly name: string;
  /** `binary`: 0 and 1; `classes`: numbers from 0; `real`: any number. */
  readonly task: "binary" | "classes" | "real";
  /** SQL of the label, if it is not the column itself. */
  readonly expression?: string;
  /** SQL that is true for rows with a label, if some rows have none. */
  readonly present?: string;
  /** The type that the column of a text file must have so that all its values are compared as texts. */
  readonly type?: "VARCHAR";
  /** The number of classes. */
  readonly classes?: number;
  /** What was found, and what it means: sentences for the user. */
  readonly notes: readonly string[];
  /** For a value of the sample: whether it is high, to see how well a column tells high labels from low ones. */
  readonly isHigh: (text: string | null) => boolean | undefined;
  /** The share of high labels, over all rows with a label. */
  readonly rate: number;
  /** Rows by class, rarest first; of a real label none. */
  readonly smallestClass: number;
}

/** The values of a label over all rows, most frequent first. */
export interface LabelValues {
  readonly name: string;
  readonly values: readonly { readonly value: string | null; readonly rows: number }[];
  /** Of a column with more than {@link MOST_VALUES} values: what its numbers are. */
  readonly numbers?: Moments;
}

/** Of all values of a column that are numbers. */
export interface Moments {
  readonly mean: number;
  readonly std: number;
  readonly median: number;
  /** The share of the values that are numbers. */
  readonly share: number;
}

/** The share of the values of a label that are numbers, from which on the others are left out. */
const NUMBERS = 0.99;
/** Values that are looked at; a label with more is a number to predict. */
export const MOST_VALUES = 1_000;
const MOST_CLASSES = 50;

interface Value {
  readonly text: string;
  readonly number: number;
  readonly rows: number;
}

export function planLabel({ name, values, numbers }: LabelValues): LabelPlan {
  const present: Value[] = values.flatMap(({ value, rows }) =>
    value === null ? [] : [{ text: value, number: numberValue(value) ?? Number.NaN, rows }],
  );
  const missing = values.find(({ value }) => value === null)?.rows ?? 0;
  const [only] = present;
  if (present.length === 1 && missing > 0 && POSITIVE.test(only.text)) return planOnly(name, only, missing);
  if (present.length < 2) throw notTwo(name, present, missing);
  const plan =
    numbers && numbers.share >= NUMBERS ? planReal(name, numbers) : planOf(name, ...mergedSpellings(present));
  if (missing === 0) return plan;
  const found = `${count(missing)} rows have no label and are left out.`;
  return {
    ...plan,
    present: plan.present ?? `${quoteName(name)} IS NOT NULL`,
    notes: [...plan.notes, found],
  };
}

/** How the texts of a label are compared: as they are, or by their lower case without white space around them. */
type Words = "exact" | "folded";

/** The values, those together that differ only in capitals and white space, such as `Yes` and `yes `. */
function mergedSpellings(values: readonly Value[]): [Value[], Words] {
  const byWord = new Map<string, Value>();
  for (const value of values) {
    const text = folded(value.text);
    byWord.set(text, { ...value, text, rows: value.rows + (byWord.get(text)?.rows ?? 0) });
  }
  const isSame = byWord.size === values.length || byWord.size < 2;
  return isSame ? [[...values], "exact"] : [[...byWord.values()], "folded"];
}

const folded = (text: string): string => text.trim().toLowerCase();

function planOf(name: string, values: readonly Value[], words: Words): LabelPlan {
  const rows = sum(values);
  const numeric = values.filter(({ text, number }) => Number.isFinite(number) && !isTruth(text));
  const areNumbers = sum(numeric) >= NUMBERS * rows;
  if (values.length === 2) return planTwo(name, values, words);
  if (areNumbers && numeric.length > 2) return planNumbers(name, numeric, sum(numeric) / rows);
  if (values.length <= MOST_CLASSES) return planClasses(name, values, words);
  throw new DataError({
    what: `the label ${name} has too many different texts to be classes`,
    where: "--label",
    got: `${values.length > MOST_VALUES ? `more than ${MOST_VALUES}` : values.length} texts, such as ${listed(values)}`,
    expected: `two values, up to ${MOST_CLASSES} classes, or numbers`,
    next: "Name another column with --label, or derive one in the sql of a config of your own.",
  });
}

/** Words that mean 1 beside any other word. */
const POSITIVE =
  /^(1|y|yes|t|true|pos|positive|click|clicked|bought|buy|purchase|purchased|converted|churn|churned|yes\.|on|good|success|win|won|fraud|spam|default|late)$/i;

/** `true` and `false`, which SQL does not read as numbers. */
const isTruth = (text: string): boolean => /^(true|false)$/i.test(text);

function planTwo(name: string, values: readonly Value[], words: Words): LabelPlan {
  const [low, high] = lowAndHigh(values);
  const isHigh = testOf(high, words);
  const plan = { name, task: "binary" as const, isHigh, ...ratesOf([low, high], high) };
  const isNumber = words === "exact" && [low, high].every(({ number }) => Number.isFinite(number));
  if (isNumber && low.number === 0 && high.number === 1)
    return { ...plan, notes: [`${share(plan.rate)} of the rows are positive.`] };
  const notes = [
    `${high.text} is the positive label (${share(plan.rate)} of the rows), ${low.text} the negative one.`,
  ];
  if (isNumber) return { ...plan, expression: `${numberOf(name)} = ${high.number}`, notes };
  const isMixed = Number.isFinite(low.number) !== Number.isFinite(high.number);
  return {
    ...plan,
    expression: `${textOf(name, words)} = ${quoteText(high.text)}`,
    ...(isMixed && { type: "VARCHAR" }),
    notes,
  };
}

/** A positive label that is missing in the other rows: many exports write nothing for "no". */
function planOnly(name: string, only: Value, missing: number): LabelPlan {
  const rate = only.rows / (only.rows + missing);
  const isIt = Number.isFinite(only.number)
    ? `${numberOf(name)} = ${only.number}`
    : `${textOf(name)} = ${quoteText(only.text)}`;
  return {
    name,
    task: "binary",
    expression: `coalesce(${isIt}, false)`,
    isHigh: (text) => text !== null,
    rate,
    smallestClass: Math.min(only.rows, missing),
    notes: [
      `${only.text} is the positive label (${share(rate)} of the rows). All other rows have no label, which is taken for the negative one: if it is unknown there, add the negative rows instead.`,
    ],
  };
}

/** Of numbers the larger one is high, of words the one that says so, else the rarer one. */
function lowAndHigh(values: readonly Value[]): [Value, Value] {
  const [a, b] = values;
  if ([a, b].every(({ number }) => Number.isFinite(number))) return a.number < b.number ? [a, b] : [b, a];
  const [saysA, saysB] = [a, b].map(({ text }) => POSITIVE.test(text));
  if (saysA !== saysB) return saysA ? [b, a] : [a, b];
  return b.rows <= a.rows ? [a, b] : [b, a];
}

const RATING = /rating|stars|score|grade|quality/i;

function planNumbers(name: string, values: readonly Value[], share: number): LabelPlan {
  const sorted = [...values].sort((a, b) => a.number - b.number);
  const [least, most] = [sorted[0].number, sorted.at(-1)!.number];
  const areIntegers = sorted.every(({ number }) => Number.isInteger(number));
  const areHalves = sorted.every(({ number }) => Number.isInteger(2 * number));
  const isScale = areHalves && sorted.length <= 21 && least >= 0 && most <= 10;
  if (isScale && (RATING.test(name) || ((most === 5 || most === 10) && least > 0)))
    return planRating(name, sorted);
  const zeros = sorted.find(({ number }) => number === 0)?.rows ?? 0;
  if (areIntegers && least === 0 && 2 * zeros > sum(sorted) && most >= sorted.length)
    return planCount(name, sorted);
  if (areIntegers && sorted.length <= 20 && most - least < 2 * sorted.length)
    return planClasses(name, sorted, "numbers");
  return planReal(name, { ...momentsOf(sorted), share });
}

function planRating(name: string, sorted: readonly Value[]): LabelPlan {
  const most = sorted.at(-1)!.number;
  const usual = sorted.find(({ number }) => number >= 0.8 * most)!.number;
  const from = sum(sorted.filter(({ number }) => number >= usual)) < 0.95 * sum(sorted) ? usual : most;
  return {
    ...planThreshold(name, sorted, `>= ${from}`, (number) => number >= from),
    notes: [
      `${name} looks like a rating from ${sorted[0].number} to ${most}. The model ranks by the probability of ${from} or more.`,
      `To predict the rating itself: ${asNumber(name)}.`,
    ],
  };
}

/** What to write to predict a number. */
const asNumber = (name: string): string =>
  `label: ${JSON.stringify(name)} without sql for it, train.loss: { kind: "squaredError" }, train.metric: "meanSquaredError"`;

function planCount(name: string, sorted: readonly Value[]): LabelPlan {
  const plan = planThreshold(name, sorted, "> 0", (number) => number > 0);
  return {
    ...plan,
    notes: [
      `${name} looks like a count, mostly 0. The model predicts whether it is above 0 (${share(plan.rate)} of the rows).`,
    ],
  };
}

function planThreshold(
  name: string,
  values: readonly Value[],
  comparison: string,
  test: (number: number) => boolean,
): Omit<LabelPlan, "notes"> {
  const high = values.filter(({ number }) => test(number));
  const rows = sum(values);
  return {
    name,
    task: "binary",
    expression: `${numberOf(name)} ${comparison}`,
    isHigh: (text) => (text === null ? undefined : test(numberValue(text) ?? Number.NaN)),
    rate: sum(high) / rows,
    smallestClass: Math.min(sum(high), rows - sum(high)),
  };
}

/** For a value of the column: whether it is this one. */
const testOf =
  ({ text }: Value, words: Words) =>
  (value: string | null): boolean | undefined =>
    value === null ? undefined : (words === "folded" ? folded(value) : value) === text;

function planClasses(name: string, values: readonly Value[], words: Words | "numbers"): LabelPlan {
  const areNumbers = words === "numbers";
  const sorted = areNumbers ? values : [...values].sort((a, b) => (a.text < b.text ? -1 : 1));
  const frequent = [...values].sort((a, b) => b.rows - a.rows)[0];
  const areNumbered = areNumbers && sorted.every(({ number }, i) => number === i);
  const cases = sorted.map(
    ({ text, number }, i) => `WHEN ${areNumbers ? number : quoteText(text)} THEN ${i}`,
  );
  const isMixed = !areNumbers && sorted.some(({ number }) => Number.isFinite(number));
  const of = words === "numbers" ? numberOf(name) : textOf(name, words);
  return {
    name,
    task: "classes",
    classes: sorted.length,
    ...(!areNumbered && { expression: `CASE ${of} ${cases.join(" ")} END` }),
    ...(isMixed && { type: "VARCHAR" }),
    notes: [
      areNumbered
        ? `${name} has ${sorted.length} classes, the numbers 0 to ${sorted.length - 1}.`
        : `${name} has ${sorted.length} classes: ${sorted.map(({ text }, i) => `${i} is ${text}`).join(", ")}.`,
      ...(areNumbers ? [`If it is a quantity, predict the number itself: ${asNumber(name)}.`] : []),
    ],
    isHigh: testOf(frequent, words === "folded" ? "folded" : "exact"),
    ...ratesOf(sorted, frequent),
  };
}

/** Labels of this spread and less than this far from 0 are learned well as they are. */
const WELL_SCALED = { least: 0.1, most: 10 };

/** The reciprocals of smaller spreads are not finite in 32 bits. */
const TINY = 1e-30;

function planReal(name: string, { mean, std, median, share }: Moments): LabelPlan {
  if (!Number.isFinite(std)) throw tooLarge(name, median);
  const [center, spread] = [mean, std].map((value) => Number(value.toPrecision(4)));
  const isWell =
    !(spread > TINY && spread < 1 / TINY) ||
    (spread >= WELL_SCALED.least && spread <= WELL_SCALED.most && Math.abs(center) <= WELL_SCALED.most);
  return {
    name,
    task: "real",
    ...(!isWell && { expression: `(${numberOf(name)} - ${center}) / ${spread}` }),
    ...(share < 1 && { present: `${numberOf(name)} IS NOT NULL` }),
    notes: [
      `${name} is a number, so the model predicts a number.`,
      ...(isWell ? [] : [`It is scaled for training: ${name} = prediction * ${spread} + ${center}.`]),
    ],
    isHigh: (text) => (text === null ? undefined : (numberValue(text) ?? Number.NaN) > median),
    rate: 0.5,
    smallestClass: Number.POSITIVE_INFINITY,
  };
}

function tooLarge(name: string, got: number): DataError {
  return new DataError({
    what: `the numbers of the label ${name} are too large`,
    where: "--label",
    got: String(got),
    expected: "numbers whose squares are below 1.8e308",
    next: "Divide the label by a number, or take its logarithm, in the file.",
  });
}

function momentsOf(sorted: readonly Value[]): Omit<Moments, "share"> {
  const rows = sum(sorted);
  const mean = sorted.reduce((total, each) => total + each.number * each.rows, 0) / rows;
  const variance = sorted.reduce((total, each) => total + (each.number - mean) ** 2 * each.rows, 0) / rows;
  let below = 0;
  const median = sorted.find((each) => {
    below += each.rows;
    return 2 * below >= rows;
  })!.number;
  return { mean, std: Math.sqrt(variance), median };
}

function ratesOf(values: readonly Value[], high: Value): Pick<LabelPlan, "rate" | "smallestClass"> {
  return { rate: high.rows / sum(values), smallestClass: Math.min(...values.map(({ rows }) => rows)) };
}

const sum = (values: readonly Value[]): number => values.reduce((total, { rows }) => total + rows, 0);
const numberOf = (name: string): string => `TRY_CAST(${quoteName(name)} AS DOUBLE)`;
function textOf(name: string, words: Words = "exact"): string {
  const text = `CAST(${quoteName(name)} AS VARCHAR)`;
  return words === "folded" ? `lower(trim(${text}))` : text;
}
const share = (rate: number): string => `${Number((100 * rate).toPrecision(3))} %`;
const listed = (values: readonly Value[]): string =>
  values
    .slice(0, 5)
    .map(({ text }) => JSON.stringify(text))
    .join(", ");

function notTwo(name: string, values: readonly Value[], missing: number): DataError {
  const rows = count(sum(values));
  const got =
    values.length === 0
      ? "no value in any row"
      : `${JSON.stringify(values[0].text)} in all ${rows} rows with a value`;
  return new DataError({
    what:
      values.length === 0
        ? `the label ${name} is missing in all rows`
        : `the label ${name} has only one value, so there is nothing to learn`,
    where: "--label",
    got: missing > 0 && values.length > 0 ? `${got}; ${count(missing)} rows without one` : got,
    expected: "at least two different values",
    next:
      missing > 0 && values.length > 0
        ? "Name another column with --label. If an empty label means the other class, write it into the file: 0 or 1 in each row."
        : "Name another column with --label, or add the rows of the other class: rows without a click, for example.",
  });
}
