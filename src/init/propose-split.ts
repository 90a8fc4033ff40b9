import type { SourceConfig } from "../data/data-config.js";
import type { Duck } from "../data/source/duckdb.js";
import { quoteName } from "../data/source/duckdb.js";
import { openSource } from "../data/source/source.js";
import type { SplitConfig } from "../data/split/split-config.js";
import { querySplits } from "../data/split/split-query.js";
import type { ColumnProfile } from "./column.js";
import type { LabelPlan } from "./label.js";
import { wordsOf } from "./names.js";

/** How the rows are divided, and why. Without a split all rows are for training. */
export interface SplitPlan {
  readonly split?: SplitConfig;
  readonly reason: string;
}

/** Fewer rows than this are not divided: a split would have too few to measure anything. */
const FEWEST_ROWS = 30;
/** Fewer rows than this have larger shares for measuring. */
const FEW_ROWS = 2_000;

const sharesOf = (rows: number) => (rows < FEW_ROWS ? { valid: 0.2, test: 0.2 } : { valid: 0.1, test: 0.1 });

/** A column of the sample that may divide the rows by time. */
export interface TimeColumn {
  readonly name: string;
  /** By row of the sample; NaN is missing. */
  readonly times: readonly number[];
}

const EVENT_WORDS = ["time", "timestamp", "ts", "date", "datetime", "event", "created", "at", "day", "when"];
const NOT_EVENT_WORDS = [
  "birth",
  "birthday",
  "dob",
  "born",
  "signup",
  "registered",
  "registration",
  "expires",
  "expiry",
  "published",
  "released",
  "updated",
  "modified",
  "end",
  "until",
  "due",
  "join",
  "joined",
];

/** Rows that all happened within less are not earlier and later ones. */
const SHORTEST_MS = 60_000;

/** The column of dates that most likely says when a row happened; without missing values. */
export function eventTime(columns: readonly ColumnProfile[]): string | undefined {
  const dates = columns.filter(
    ({ looks, missing, distinct }) =>
      looks.as === "date" && missing === 0 && distinct > 2 && looks.last - looks.first >= SHORTEST_MS,
  );
  const rank = (name: string) => {
    const words = wordsOf(name);
    if (words.some((word) => NOT_EVENT_WORDS.includes(word))) return 2;
    return words.some((word) => EVENT_WORDS.includes(word)) ? 0 : 1;
  };
  const [best] = dates.map(({ name }) => ({ name, rank: rank(name) })).sort((a, b) => a.rank - b.rank);
  return best && best.rank < 2 ? best.name : undefined;
}

/** A split by time, if each part of it has rows, and of classes more than one. */
export function splitByTime(
  { name, times }: TimeColumn,
  isHigh: readonly (boolean | undefined)[],
  rows: number,
): SplitPlan | undefined {
  if (rows < FEWEST_ROWS) return undefined;
  const shares = sharesOf(rows);
  const order = [...times.keys()]
    .filter((row) => !Number.isNaN(times[row]))
    .sort((a, b) => times[b] - times[a]);
  const at = (share: number) => times[order[Math.max(0, Math.ceil(share * order.length) - 1)]];
  const [valid, test] = [at(shares.valid + shares.test), at(shares.test)];
  const parts = [
    order.filter((row) => times[row] < valid),
    order.filter((row) => times[row] >= valid && times[row] < test),
    order.filter((row) => times[row] >= test),
  ];
  const hasBoth = (part: readonly number[]) => new Set(part.map((row) => isHigh[row])).size > 1;
  if (2 * parts[0].length < order.length || !parts.every(hasBoth)) return undefined;
  return {
    split: { time: name, ...shares },
    reason: `Split by time (${name}): the model is measured on the latest rows, because it will be used on later ones.`,
  };
}

/** Seeds that are tried for a small table. */
const SEEDS = 20;

/** A random split. For small tables the seed is chosen so that every part has both classes. */
export async function splitAtRandom(
  duck: Duck,
  source: SourceConfig,
  label: LabelPlan,
  rows: number,
  scratch: string,
): Promise<SplitPlan> {
  if (rows < FEWEST_ROWS) return { reason: tooFew(rows) };
  const shares = sharesOf(rows);
  const reason = 'Rows are divided at random. If the same users come back, consider split: { by: "user" }.';
  if (rows >= FEW_ROWS && label.smallestClass >= 200) return { split: { seed: 1, ...shares }, reason };
  for (let seed = 1; seed <= SEEDS; seed++)
    if (await isComplete(duck, source, label, { seed, ...shares }, scratch))
      return { split: { seed, ...shares }, reason };
  return {
    reason: `No random split was found in which every part has rows of each class (the smallest has ${label.smallestClass}), so all rows are used for training and nothing is measured.`,
  };
}

const tooFew = (rows: number) =>
  `The table has ${rows} rows, too few to keep some for measuring: all are used for training.`;

async function isComplete(
  duck: Duck,
  source: SourceConfig,
  label: LabelPlan,
  split: SplitConfig,
  scratch: string,
): Promise<boolean> {
  const opened = await openSource(
    duck,
    source,
    "data",
    { wants: new Map([[label.name, "target"]]), sql: [] },
    scratch,
  );
  const { source: divided, splits } = await querySplits(duck, opened, split);
  const classes = splits.map(
    ({ predicate }) => `count(DISTINCT ${quoteName(label.name)}) FILTER (${predicate})`,
  );
  const [row] = await duck.rows(
    `SELECT count(DISTINCT ${quoteName(label.name)}), ${classes.join(", ")} FROM (${divided.select()})`,
    "data",
  );
  const [all, train, ...others] = row.map(Number);
  // Of a number that is predicted, no part has all values.
  const isTrainable = label.task === "real" ? train > 1 : train === all;
  return isTrainable && others.every((each) => each > 1);
}
