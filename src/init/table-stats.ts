import type { Config } from "../config/config.js";
import type { SourceConfig } from "../data/data-config.js";
import { type Duck, quoteName } from "../data/source/duckdb.js";
import { ROW_COLUMN } from "../data/source/row-numbers.js";
import { openSource, type Source } from "../data/source/source.js";
import { splitNames } from "../data/split/split-config.js";
import { querySplits, SPLIT_COLUMN } from "../data/split/split-query.js";
import { labelNames } from "../features/targets.js";
import type { Parts } from "./drift.js";
import { sourceOf } from "./init-config.js";
import { openTable, type Profile, profileTable, readLabel, withDuck } from "./profile.js";
import { lookAt, type Table } from "./table.js";

export interface TableStats {
  readonly profile: Profile;
  /** The parts that drift compares: the first with each of the others. */
  readonly parts: readonly string[];
}

/** Looks at files; drift compares the earlier half of the rows with the later one. */
export async function fileStats(path: string, label: string | undefined): Promise<TableStats> {
  return withDuck(async (duck, scratch) => {
    const source = await sourceOf(duck, path, undefined, label, scratch);
    const table = await openTable(duck, source as SourceConfig, scratch);
    const plan = label === undefined ? undefined : await readLabel(duck, table, label);
    const parts = await halves(duck, table);
    return { profile: await profileTable(duck, table, { label: plan, parts }), parts: parts.names };
  });
}

async function halves(duck: Duck, table: Table): Promise<Parts> {
  const rows = await duck.rows(`SELECT ${quoteName(ROW_COLUMN)} FROM ${table.sample}`, table.source.where);
  return {
    names: ["the first half of the rows", "the second half"],
    of: rows.map(([row]) => (2 * Number(row) > table.rows ? 1 : 0)),
  };
}

/** Looks at the data of a config, after its sql; drift compares its splits. */
export async function configStats({ data }: Config): Promise<TableStats> {
  return withDuck(async (duck, scratch) => {
    const { source, parts } = await openParts(duck, data, scratch);
    const table = await lookAt(duck, source);
    const [label] = labelNames(data.label);
    const plan = await readLabel(duck, table, label);
    const of = parts.map(({ predicate }, i) => `WHEN ${predicate} THEN ${i}`).join(" ");
    const rows = await duck.rows(`SELECT CASE ${of} ELSE -1 END FROM ${table.sample}`, source.where);
    const hidden = (name: string) => name === SPLIT_COLUMN || name === ROW_COLUMN;
    const shown = {
      ...table,
      source: { ...table.source, columns: table.source.columns.filter(({ name }) => !hidden(name)) },
    };
    const names = parts.map(({ name }) => name);
    const divided = { names, of: rows.map(([part]) => Number(part)) };
    const profile = await profileTable(duck, shown, { label: plan, parts: divided });
    return { profile, parts: names };
  });
}

interface Part {
  readonly name: string;
  /** SQL over the rows. */
  readonly predicate: string;
}

/** The rows of all splits as one source. */
async function openParts(
  duck: Duck,
  data: Config["data"],
  scratch: string,
): Promise<{ source: Source; parts: Part[] }> {
  const demand = { wants: new Map(labelNames(data.label).map((name) => [name, "target" as const])), sql: [] };
  if (data.source) {
    const opened = await openSource(duck, data.source, "data.source", demand, scratch);
    const { source, splits } = await querySplits(duck, opened, data.split!);
    return { source, parts: splits.map(({ name, predicate = "true" }) => ({ name, predicate })) };
  }
  const opened: { name: string; source: Source }[] = [];
  for (const name of splitNames)
    if (data[name])
      opened.push({ name, source: await openSource(duck, data[name], `data.${name}`, demand, scratch) });
  const [{ source: first }] = opened;
  const columns = first.columns.map(({ name }) => quoteName(name)).join(", ");
  const selects = opened.map(
    ({ source }, i) => `SELECT ${columns}, ${i} AS ${quoteName(SPLIT_COLUMN)} FROM (${source.select()})`,
  );
  const source = {
    ...first,
    identity: opened.flatMap((each) => each.source.identity),
    unread: undefined,
    select: () => selects.join(" UNION ALL "),
  };
  return {
    source,
    parts: opened.map(({ name }, i) => ({ name, predicate: `${quoteName(SPLIT_COLUMN)} = ${i}` })),
  };
}
