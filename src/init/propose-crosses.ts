import { quoteName } from "../data/source/duckdb.js";
import { ROW_COLUMN } from "../data/source/row-numbers.js";
import type { ColumnProfile } from "./column.js";
import { codeColumn, type ProposedCross, proposeCrosses } from "./crosses.js";
import { featureName } from "./names.js";
import { type Decision, hashOf, MOST_LEARNED } from "./propose-features.js";
import { columnTexts } from "./table.js";
import { type TrainingRowsOptions, trainingRows } from "./training-rows.js";

export interface CrossOptions extends TrainingRowsOptions {
  /** Rows of the training split. */
  readonly rows: number;
  readonly columns: readonly ColumnProfile[];
  readonly used: readonly Decision[];
}

/** With fewer rows most combinations are too rare to learn from. */
const FEWEST_ROWS = 5_000;
const MOST_CROSSES = 4;
/** Rows that a combination has on average. A model with an embedding of rarer ones learns the training rows by heart. */
const FEWEST_ROWS_OF_CELL = 4;
/** A cross that says less than this share of what the best one says is not worth its table. */
const SMALLEST_GAIN = 0.1;

/** Crosses of columns that are ids, chosen on rows of the training split only. */
export async function decideCrosses(options: CrossOptions): Promise<Decision[]> {
  const columns = candidates(options);
  if (options.rows < FEWEST_ROWS || columns.length < 2) return [];
  const { texts, labels } = await trainingSample(options, columns);
  const coded = columns.map((name, i) => codeColumn(name, texts[i]));
  const found = proposeCrosses(coded, highLabels(labels)).filter(
    ({ cells }) => cells * FEWEST_ROWS_OF_CELL <= labels.length,
  );
  const worthwhile = found.filter(({ gain }) => gain >= SMALLEST_GAIN * found[0].gain);
  const taken = new Set(options.used.flatMap(({ features }) => features.map(({ name }) => name)));
  return worthwhile.slice(0, MOST_CROSSES).map((cross) => decisionOf(cross, taken));
}

/** The time of the search grows with the square of their number. */
const MOST_COLUMNS = 16;

/** The columns with an id feature; of many, those that say most about the label alone. */
function candidates({ used, columns }: CrossOptions): string[] {
  const names = used.filter(({ features }) => features.some(({ kind }) => kind === "id"));
  const strength = (name: string) => columns.find((column) => column.name === name)?.auc ?? 0.5;
  const strongest = names.map(({ column }) => column).sort((a, b) => strength(b) - strength(a));
  const kept = new Set(strongest.slice(0, MOST_COLUMNS));
  return columns.map(({ name }) => name).filter((name) => kept.has(name));
}

const MOST_ROWS = 500_000;
/** Rows times pairs of columns. */
const MOST_WORK = 2e7;

interface Sample {
  /** By column and row. */
  readonly texts: readonly (readonly (string | null)[])[];
  readonly labels: readonly number[];
}

/** Rows of the training split, drawn by a hash of their numbers: always the same ones, in the same order. */
async function trainingSample(options: CrossOptions, columns: readonly string[]): Promise<Sample> {
  const { source, predicate } = await trainingRows(options);
  const pairs = (columns.length * (columns.length - 1)) / 2;
  const limit = Math.floor(Math.min(MOST_ROWS, MOST_WORK / pairs));
  const label = `CAST(CAST(${quoteName(options.label)} AS DOUBLE) AS VARCHAR)`;
  const values = [...columns.map((name) => columnTexts(source, name).sql), label];
  const row = quoteName(ROW_COLUMN);
  const query = `SELECT ${values.map((sql, i) => `${sql} AS c${i}`).join(", ")} FROM (${source.select()}) WHERE ${predicate} ORDER BY hash(${row}), ${row} LIMIT ${limit}`;
  const rows = await options.duck.rows(query, source.where);
  const of = (i: number) => rows.map((each) => each[i]);
  return { texts: columns.map((_, i) => of(i)), labels: of(columns.length).map(Number) };
}

/** Of classes and numbers: 1 where the label is above its mean. */
function highLabels(labels: readonly number[]): Float32Array {
  const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length;
  return Float32Array.from(labels, (label) => (label > mean ? 1 : 0));
}

/** A combination that occurs once teaches nothing by itself; that it is rare may say much. */
const FEWEST_OF_CELL = 2;

function decisionOf({ columns, gain, cells }: ProposedCross, taken: Set<string>): Decision {
  const name = featureName(columns.join("_x_"), taken);
  const mapping = cells > MOST_LEARNED ? hashOf(cells) : { vocabulary: { minCount: FEWEST_OF_CELL } };
  return {
    column: columns.join(" x "),
    features: [{ kind: "id", name, columns: [...columns], ...mapping }],
    reason: `with this cross the log loss of a linear model on held-out rows falls by ${gain.toPrecision(2)}`,
    isLeftOut: false,
  };
}
