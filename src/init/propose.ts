import type { ConfigInput } from "../config/config.js";
import { defaultSpace } from "../config/default-space.js";
import type { SourceConfig, SourceInput } from "../data/data-config.js";
import { type Duck, quoteName, quoteText } from "../data/source/duckdb.js";
import { DataError } from "../errors.js";
import type { LabelPlan } from "./label.js";
import { type Dates, timeOf } from "./looks.js";
import { plainNumberSql } from "./number-signs.js";
import type { Profile } from "./profile.js";
import { decideCrosses } from "./propose-crosses.js";
import { type Decision, decideColumns, leaveRepeated, leaveWithoutTraining } from "./propose-features.js";
import { eventTime, type SplitPlan, splitAtRandom, splitByTime } from "./propose-split.js";
import { proposeModel, proposeTraining } from "./propose-training.js";
import { sampledTexts, type Table } from "./table.js";
import { columnsWithoutTraining } from "./training-rows.js";

/** A config, and the reason of each of its parts. */
export interface Proposal {
  readonly config: ConfigInput;
  /** Comments by path, as `printConfig` takes them. */
  readonly notes: ReadonlyMap<string, readonly string[]>;
  readonly decisions: readonly Decision[];
  readonly crosses: readonly Decision[];
  readonly split: SplitPlan;
}

export interface ProposeOptions {
  readonly duck: Duck;
  readonly scratch: string;
  readonly table: Table;
  readonly profile: Profile;
  readonly label: LabelPlan;
  /** The source as it was opened. */
  readonly source: SourceInput;
}

/** @throws DataError if no column is left to learn from */
export async function propose(options: ProposeOptions): Promise<Proposal> {
  const { profile, label, table } = options;
  const columns = profile.columns.filter(({ name }) => name !== label.name);
  const time = eventTime(columns);
  const byTime = time === undefined ? undefined : await timeSplit(options, time);
  const isText = table.source.unread !== undefined;
  const decided = [
    ...decideColumns(columns, { rows: profile.rows, isText, ...(byTime && { time }) }),
    ...profile.repeated.map(leaveRepeated),
  ];
  const divided = sourceOf(options, usedOf(decided)).value;
  const split = byTime ?? (await randomSplit(options, divided));
  const decisions = await leaveUntrained(options, divided, split, decided);
  const used = usedOf(decisions);
  const source = sourceOf(options, used);
  const rows = countTrainingRows(profile, split);
  const crosses = await decideCrosses({
    ...options,
    source: source.value,
    label: label.name,
    ...split,
    rows,
    columns,
    used,
  });
  const config = assemble(options, source.value, split, [...used, ...crosses]);
  const place = split.split ? "data.source" : "data.train";
  const notes = [
    ...source.notes.map(([key, lines]) => [`${place}.${key}`, lines] as const),
    ...config.notes,
    ...featureNotes([...decisions, ...crosses]),
  ];
  return {
    config: config.value,
    decisions,
    crosses,
    split,
    notes: new Map(notes),
  };
}

/** @throws DataError if there are none */
function usedOf(decisions: readonly Decision[]): Decision[] {
  const used = decisions.filter(({ isLeftOut }) => !isLeftOut);
  if (used.length === 0) throw nothingLeft(decisions);
  return used;
}

/** Leaves out the columns that have values in the other parts of the rows only, such as those that are new. */
async function leaveUntrained(
  options: ProposeOptions,
  source: SourceInput,
  { split }: SplitPlan,
  decisions: readonly Decision[],
): Promise<Decision[]> {
  const names = usedOf(decisions).map(({ column }) => column);
  const untrained = await columnsWithoutTraining(
    { ...options, source, label: options.label.name, split },
    names,
  );
  return decisions.map((decision) =>
    untrained.has(decision.column) ? leaveWithoutTraining(decision) : decision,
  );
}

interface Noted<T> {
  readonly value: T;
  readonly notes: readonly (readonly [path: string, lines: readonly string[]])[];
}

const datesOf = ({ columns }: Profile, name: string): Dates | undefined => {
  const looks = columns.find((column) => column.name === name)?.looks;
  return looks?.as === "date" ? looks : undefined;
};

async function timeSplit(
  { duck, table, profile, label }: ProposeOptions,
  name: string,
): Promise<SplitPlan | undefined> {
  const texts = await sampledTexts(duck, table, name);
  const labels = await sampledTexts(duck, table, label.name);
  const dates = datesOf(profile, name)!;
  const times = texts.map((text) => (text === null ? Number.NaN : timeOf(text, dates)));
  return splitByTime({ name, times }, labels.map(label.isHigh), profile.rows);
}

function randomSplit(
  { duck, label, profile, scratch }: ProposeOptions,
  source: SourceInput,
): Promise<SplitPlan> {
  return splitAtRandom(duck, source as SourceConfig, label, profile.rows, scratch);
}

/** The source with what the label, the dates and the missing values need. */
function sourceOf(
  { source, profile, label, table }: ProposeOptions,
  used: readonly Decision[],
): Noted<SourceInput> {
  const isText = table.source.unread !== undefined;
  const words = isText ? nullValuesOf(profile, used) : [];
  const sql = sqlOf(profile, label, used);
  const value: SourceInput = {
    ...source,
    ...(words.length > 0 && { nullValues: words }),
    ...(isText && label.type && { types: { [label.name]: label.type } }),
    ...(sql && { sql: sql.select }),
  };
  const notes: (readonly [string, string[]])[] = [];
  if (words.length > 0)
    notes.push(["nullValues", ["These texts mean that a value is missing. Remove one that is a value."]]);
  if (sql) notes.push(["sql", sql.notes]);
  return { value, notes };
}

/** Words for missing values, and texts in columns of numbers. */
function nullValuesOf({ nullWords, columns }: Profile, used: readonly Decision[]): string[] {
  const numbers = new Set(
    used.filter(({ features }) => features[0].kind === "number").map(({ column }) => column),
  );
  const others = columns.flatMap(({ name, looks }) =>
    looks.as === "number" && numbers.has(name) ? looks.numbers.others : [],
  );
  return [...new Set([...nullWords.keys(), ...others])];
}

function sqlOf(
  profile: Profile,
  label: LabelPlan,
  used: readonly Decision[],
): { select: string; notes: string[] } | undefined {
  const dates = used.flatMap(({ column }) => {
    const format = datesOf(profile, column)?.format;
    return format === undefined ? [] : [{ column, format }];
  });
  const replaced = dates.map(
    ({ column, format }) =>
      `strptime(CAST(${quoteName(column)} AS VARCHAR), ${quoteText(format)}) AS ${quoteName(column)}`,
  );
  const signed = used.flatMap(({ column }) => {
    const example = profile.columns.find(({ name }) => name === column)?.signed;
    return example === undefined ? [] : [{ column, example }];
  });
  replaced.push(...signed.map(({ column }) => plainNumberSql(column)));
  if (label.expression !== undefined) replaced.unshift(`${label.expression} AS ${quoteName(label.name)}`);
  if (replaced.length === 0 && label.present === undefined) return undefined;
  const star = replaced.length === 0 ? "*" : `* REPLACE (${replaced.join(", ")})`;
  const where = label.present === undefined ? "" : ` WHERE ${label.present}`;
  const formats = dates.map(
    ({ column, format }) =>
      `${column} has dates in the form ${format}; a predictor takes them as 2001-06-18 or as a Date.`,
  );
  const numbers = signed.map(
    ({ column, example }) =>
      `${column} has numbers such as ${example}; a predictor takes them without signs.`,
  );
  return { select: `SELECT ${star} FROM source${where}`, notes: [...label.notes, ...formats, ...numbers] };
}

function assemble(
  { label, profile }: ProposeOptions,
  source: SourceInput,
  plan: SplitPlan,
  used: readonly Decision[],
): Noted<ConfigInput> {
  const { split, reason } = plan;
  const features = used.flatMap((decision) => decision.features);
  const trained = countTrainingRows(profile, plan);
  const model = proposeModel(features, trained);
  const train = proposeTraining(label, trained, split !== undefined);
  const bad = badRows(profile);
  const rest = { label: label.name, ...(bad.share > 0 && { maxBadRows: bad.share }) };
  const data = split ? { source, split, ...rest } : { train: source, ...rest };
  const value: ConfigInput = { data, features, model: model.value, train: train.value };
  return {
    value: { ...value, ...(split && { search: defaultSpace(value) }) },
    notes: [
      ["data.label", source.sql === undefined ? label.notes : []],
      [split ? "data.split" : "data.train", [reason]],
      ["data.maxBadRows", bad.notes],
      ["model", [model.reason]],
      ["train", train.reason === "" ? [] : [train.reason]],
      ["search", [SEARCH]],
    ],
  };
}

const SEARCH =
  "What `npx pairloom search` tries, by the path of a setting; training ignores it. docs/tune.md explains it.";

/** The number of rows of the training split. */
function countTrainingRows({ rows }: Profile, { split }: SplitPlan): number {
  return Math.round(rows * (1 - Number(split?.valid ?? 0) - Number(split?.test ?? 0)));
}

/** Rows that cannot be read: more than the usual limit are allowed, and told. */
function badRows({ rows, malformed }: Profile): { share: number; notes: string[] } {
  const found = malformed.length / (rows + malformed.length);
  // They all count for the training split.
  if (2 * found <= 0.01) return { share: 0, notes: [] };
  const [{ file, line, reason }] = malformed;
  return {
    share: Math.min(1, Number((2 * found).toPrecision(1)) + 0.01),
    notes: [
      `${malformed.length} lines cannot be read and are left out. The first: ${file}, line ${line}: ${reason}.`,
    ],
  };
}

/** A comment above the first feature of each column, and one at the end about the columns that are left out. */
function featureNotes(decisions: readonly Decision[]): Noted<unknown>["notes"] {
  const notes: (readonly [string, string[]])[] = [];
  let at = 0;
  for (const { column, features, reason, isLeftOut } of decisions) {
    if (isLeftOut) continue;
    notes.push([`features[${at}]`, [`${column}: ${reason}`]]);
    at += features.length;
  }
  const leftOut = decisions.filter((decision) => decision.isLeftOut);
  const lines = leftOut.map(({ column, reason }) => `- ${column}: ${reason}`);
  return leftOut.length === 0 ? notes : [...notes, ["features[]", ["Left out:", ...lines]]];
}

function nothingLeft(decisions: readonly Decision[]): DataError {
  const reasons = decisions.slice(0, 5).map(({ column, reason }) => `${column}: ${reason}`);
  return new DataError({
    what:
      decisions.length === 0
        ? "the data has only the label, and no other column"
        : "no column is left to learn from",
    where: "the data",
    ...(reasons.length > 0 && { got: reasons.join("; ") }),
    expected: "at least one column whose values occur in several rows",
    next: "Add columns that are known before the outcome, or write a config of your own: docs/config.md shows the smallest.",
  });
}
