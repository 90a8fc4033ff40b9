import type { SourceConfig, SourceInput } from "../data/data-config.js";
import type { Duck } from "../data/source/duckdb.js";
import { numberRows } from "../data/source/row-numbers.js";
import { openSource, type Source } from "../data/source/source.js";
import type { SplitConfig } from "../data/split/split-config.js";
import { querySplits } from "../data/split/split-query.js";
import { columnTexts } from "./table.js";

export interface TrainingRowsOptions {
  readonly duck: Duck;
  readonly scratch: string;
  /** The source as the config has it, so that its label is a number. */
  readonly source: SourceInput;
  readonly label: string;
  readonly split?: SplitConfig;
}

/** The source with numbered rows, and the predicate of the rows of the training split. */
export async function trainingRows(
  options: TrainingRowsOptions,
): Promise<{ source: Source; predicate: string }> {
  const { duck, source, label, split, scratch } = options;
  const demand = { wants: new Map([[label, "target"] as const]), sql: [] };
  const opened = await openSource(duck, source as SourceConfig, "data", demand, scratch);
  const numbered = await numberRows(duck, opened, "a sample");
  if (split === undefined) return { source: numbered, predicate: "true" };
  const divided = await querySplits(duck, numbered, split);
  const train = divided.splits.find(({ name }) => name === "train");
  return { source: divided.source, predicate: train?.predicate ?? "true" };
}

/** Those of the columns that have no value in the training split: nothing can be learned from them. An empty list is none. */
export async function columnsWithoutTraining(
  options: TrainingRowsOptions,
  columns: readonly string[],
): Promise<ReadonlySet<string>> {
  if (options.split === undefined) return new Set(); // all rows are for training
  const { source, predicate } = await trainingRows(options);
  const counts = columns.map((name) => `count(nullif(${columnTexts(source, name).sql}, '[]'))`);
  const query = `SELECT ${counts.join(", ")} FROM (${source.select()}) WHERE ${predicate}`;
  const [present] = await options.duck.rows(query, source.where);
  return new Set(columns.filter((_, i) => Number(present[i]) === 0));
}
