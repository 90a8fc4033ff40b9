import type { SourceConfig, SourceInput } from "../data/data-config.js";
import type { Duck } from "../data/source/duckdb.js";
import { findFiles } from "../data/source/source-files.js";
import { DataError } from "../errors.js";
import { shellWord } from "../shell-word.js";
import { guessLayout } from "./guess-layout.js";
import type { LabelPlan } from "./label.js";
import { labelRank } from "./names.js";
import { openTable, type Profile, profileTable, readLabel, withDuck } from "./profile.js";
import { type Proposal, propose } from "./propose.js";
import { countValues, type Table, type ValueCount, valueCounts } from "./table.js";

export interface InitOptions {
  /** A file or a pattern. */
  readonly path: string;
  readonly label?: string;
  /** The names of the columns of a text file without a header. */
  readonly columns?: readonly string[];
}

export interface InitResult {
  readonly proposal: Proposal;
  readonly profile: Profile;
  readonly label: LabelPlan;
  /** True if the label was not named, but found by its name. */
  readonly isGuessed: boolean;
}

/** Looks at a table and proposes a config. @throws DataError, ConfigError if the table cannot be read or learned from */
export async function initConfig({ path, label, columns }: InitOptions): Promise<InitResult> {
  return withDuck(async (duck, scratch) => {
    const source = await sourceOf(duck, path, columns, label, scratch);
    const table = await openTable(duck, source as SourceConfig, scratch);
    const counts = await countValues(duck, table);
    const name = label ?? (await guessLabel(duck, table, counts));
    const plan = await readLabel(duck, table, name);
    const profile = await profileTable(duck, table, { counts, label: plan });
    const proposal = await propose({ duck, scratch, table, profile, label: plan, source });
    return { proposal, profile, label: plan, isGuessed: label === undefined };
  });
}

/** The source of a path, with the layout of its first file. */
export async function sourceOf(
  duck: Duck,
  path: string,
  columns: readonly string[] | undefined,
  label: string | undefined,
  scratch: string,
): Promise<SourceInput> {
  const any = { path, format: "csv", encoding: "utf-16" } as SourceConfig;
  const { paths } = await findFiles(duck, any, "data", scratch, { wants: new Map(), sql: [] });
  return { path, ...(await guessLayout(paths[0], columns, label)) };
}

/** The column whose name is most like that of a label, of those with few values. */
async function guessLabel(duck: Duck, table: Table, counts: readonly ValueCount[]): Promise<string> {
  const few = table.source.columns.map(({ name }) => name).filter((_, i) => counts[i].distinct <= 60);
  const named = few.filter((name) => labelRank(name) >= 0).sort((a, b) => labelRank(a) - labelRank(b));
  if (named.length > 0) return named[0];
  const pairs: string[] = [];
  for (const name of few)
    if ((await valueCounts(duck, table, name, 4)).filter(({ value }) => value !== null).length === 2)
      pairs.push(name);
  throw noLabel(
    pairs,
    table.source.columns.map(({ name }) => name),
  );
}

function noLabel(pairs: readonly string[], names: readonly string[]): DataError {
  const candidates = (pairs.length > 0 ? pairs : names).slice(0, 20);
  return new DataError({
    what: "which column is to be predicted is not clear",
    where: "--label",
    got: "no --label, and no column that is named like a label",
    expected:
      pairs.length > 0
        ? `perhaps one of these, which have two values: ${candidates.join(", ")}`
        : `one of ${candidates.join(", ")}`,
    next: `Name the column: --label ${shellWord(candidates[0])}, for example.`,
  });
}
