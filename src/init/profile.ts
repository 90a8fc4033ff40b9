import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SourceConfig } from "../data/data-config.js";
import { verifyCompressed } from "../data/source/compressed.js";
import { Duck } from "../data/source/duckdb.js";
import type { MalformedRow } from "../data/source/rejects.js";
import { sameName } from "../data/source/repeated-names.js";
import { openSource } from "../data/source/source.js";
import { DataError } from "../errors.js";
import { closeNames, oneOf } from "../near-names.js";
import { shellWord } from "../shell-word.js";
import { type ColumnProfile, profileColumn } from "./column.js";
import type { Parts } from "./drift.js";
import { type LabelPlan, type LabelValues, MOST_VALUES, planLabel } from "./label.js";
import {
  columnTexts,
  countValues,
  lookAt,
  sampledTexts,
  type Table,
  type ValueCount,
  valueCounts,
} from "./table.js";

/** What is known of a table after it was looked at. */
export interface Profile {
  readonly rows: number;
  readonly malformed: readonly MalformedRow[];
  /** Rows that were looked at closely; all of them if the table is small. */
  readonly sampleRows: number;
  readonly columns: readonly ColumnProfile[];
  /** Names that several columns have, which no config can tell apart. */
  readonly repeated: readonly string[];
  readonly label?: LabelPlan;
  /** Words that stand for missing values, with their columns. */
  readonly nullWords: ReadonlyMap<string, readonly string[]>;
}

/** Opens DuckDB for as long as a function uses it. */
export async function withDuck<T>(use: (duck: Duck, scratch: string) => Promise<T>): Promise<T> {
  const scratch = join(tmpdir(), `pairloom-${randomUUID()}`);
  const duck = await Duck.open(scratch);
  try {
    return await use(duck, scratch);
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Opens the source and draws the sample. */
export async function openTable(duck: Duck, source: SourceConfig, scratch: string): Promise<Table> {
  const opened = await openSource(duck, source, "data", { wants: new Map(), sql: [] }, scratch);
  await verifyCompressed(opened.identity, "data");
  return lookAt(duck, opened);
}

export interface ProfileOptions {
  readonly label?: LabelPlan;
  readonly parts?: Parts;
  /** Of the columns, if they have been counted: it reads the whole table. */
  readonly counts?: readonly ValueCount[];
}

/** Looks at every column, and at what it says about the label if there is one. */
export async function profileTable(
  duck: Duck,
  table: Table,
  { label, parts, ...known }: ProfileOptions,
): Promise<Profile> {
  const counts = known.counts ?? (await countValues(duck, table));
  const labels = label && (await sampledTexts(duck, table, label.name)).map(label.isHigh);
  const columns: ColumnProfile[] = [];
  for (const [i, { name, type }] of table.source.columns.entries()) {
    const texts = await sampledTexts(duck, table, name);
    const { form } = columnTexts(table.source, name);
    const sampled = {
      name,
      type,
      form,
      texts,
      ...(labels && name !== label?.name && { isHigh: labels }),
      ...(parts && { parts }),
    };
    const { present, distinct } = counts[i];
    columns.push(
      profileColumn(sampled, {
        missing: table.rows - present,
        distinct,
        isWhole: table.sampleRows === table.rows,
      }),
    );
  }
  const { rows, malformed, sampleRows, nullWords } = table;
  const repeated = [...new Set(table.source.repeated)];
  return { rows, malformed, sampleRows, columns, repeated, nullWords, ...(label && { label }) };
}

/** Reads the values of the label over all rows. @throws DataError if there is no such column, or it cannot be a label */
export async function readLabel(duck: Duck, table: Table, name: string): Promise<LabelPlan> {
  const names = table.source.columns.map((column) => column.name);
  const { repeated = [], where } = table.source;
  if (repeated.includes(name)) throw sameName(name, repeated, where, "Change the names in the file.");
  if (!names.includes(name)) throw noSuchLabel(name, names);
  const values = await valueCounts(duck, table, name, MOST_VALUES + 1);
  return planLabel({
    name,
    values,
    ...(values.length > MOST_VALUES && { numbers: await moments(duck, table, name) }),
  });
}

async function moments(duck: Duck, { source }: Table, name: string): Promise<LabelValues["numbers"]> {
  const { sql } = columnTexts(source, name);
  const numbers = `SELECT ${sql} AS v, TRY_CAST(${sql} AS DOUBLE) AS x FROM (${source.select()})`;
  const finite = "FILTER (isfinite(x))";
  const query = `SELECT avg(x) ${finite}, stddev_pop(x) ${finite}, median(x) ${finite}, count(x) ${finite} / count(v) FROM (${numbers})`;
  const [[mean, std, median, share]] = await duck.rows(query, source.where);
  return { mean: Number(mean), std: Number(std), median: Number(median), share: Number(share) };
}

function noSuchLabel(name: string, names: readonly string[]): DataError {
  const [near] = closeNames(name, names);
  return new DataError({
    what: `the data has no column "${name}"`,
    where: "--label",
    got: name,
    expected: oneOf(name, names),
    next: near === undefined ? "Name the column to predict." : `Did you mean --label ${shellWord(near)}?`,
  });
}
