import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import type { DataConfig } from "../data/data-config.js";
import { scratchDirectory } from "../data/pack/owned-directory.js";
import { Duck, quoteText } from "../data/source/duckdb.js";
import { labelNames } from "../features/targets.js";

/** The parts of a statement, as DuckDB's `json_serialize_sql` writes it, that are looked at here. */
interface Select {
  select_list: Expression[];
  where_clause: Expression | null;
}

interface Expression {
  readonly type: string;
  readonly alias: string;
  readonly column_names?: readonly string[];
  /** Of a star: `REPLACE (value AS key)`. */
  replace_list?: { readonly key: string; readonly value: Expression }[];
  children?: Expression[];
}

/**
 * The sql for rows without a label: that of the config without the columns of the label and the weight, and without the
 * conditions on them or on columns that only they read. Undefined if the sql of the config does for such rows.
 */
export async function sqlWithoutLabel(data: DataConfig): Promise<string | undefined> {
  const sql = (data.source ?? data.train)?.sql;
  if (sql === undefined) return undefined;
  const names = [...labelNames(data.label), ...(data.weight === undefined ? [] : [data.weight])];
  const scratch = scratchDirectory();
  const duck = await Duck.open(scratch);
  const evaluate = async (call: string) => (await duck.rows(`SELECT ${call}`, "the sql"))[0][0];
  try {
    const tree = (await evaluate(`json_serialize_sql(${quoteText(sql)})`)) ?? "{}";
    const statement = parseExactly(tree);
    const select: Select | undefined = statement.statements?.[0]?.node;
    if (select?.select_list === undefined || !removeColumns(select, names)) return undefined;
    const written = evaluate(`json_deserialize_sql(${quoteText(exactJson(statement))})`);
    // It is advice: a run does not fail where DuckDB cannot write its own tree.
    return (await written.catch(() => null)) ?? undefined;
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Marks the digits of a number, which is a text in between: JavaScript's numbers do not hold all integers of DuckDB. */
const NUMBER = `number ${randomUUID()} `;
const MARKED = new RegExp(`"${NUMBER}([^"]+)"`, "g");

/** Texts of JSON, in which digits are no numbers, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

function parseExactly(json: string) {
  return JSON.parse(json.replace(TOKENS, (token) => (token[0] === '"' ? token : `"${NUMBER}${token}"`)));
}

const exactJson = (value: unknown) => JSON.stringify(value).replace(MARKED, "$1");

/** @returns whether anything was removed */
function removeColumns(select: Select, names: readonly string[]): boolean {
  const removed = removeSelected(select, names);
  const kept = new Set(select.select_list.flatMap(columnsIn));
  const gone = new Set([...names, ...removed.flatMap(columnsIn).filter((name) => !kept.has(name))]);
  const where = withoutConditions(select.where_clause, gone);
  const hasChanged = removed.length > 0 || where !== select.where_clause;
  select.where_clause = where;
  return hasChanged && select.select_list.length > 0;
}

function removeSelected(select: Select, names: readonly string[]): Expression[] {
  const removed = select.select_list.filter((expression) => names.includes(nameOf(expression)));
  select.select_list = select.select_list.filter((expression) => !removed.includes(expression));
  for (const star of select.select_list.filter(({ replace_list }) => replace_list !== undefined)) {
    removed.push(...star.replace_list!.filter(({ key }) => names.includes(key)).map(({ value }) => value));
    star.replace_list = star.replace_list!.filter(({ key }) => !names.includes(key));
  }
  return removed;
}

const nameOf = ({ alias, column_names }: Expression): string => alias || (column_names?.at(-1) ?? "");

/** The names of all columns that an expression reads. */
function columnsIn(expression: unknown): string[] {
  if (typeof expression !== "object" || expression === null) return [];
  const { column_names } = expression as Expression;
  return column_names ? [column_names.at(-1)!] : Object.values(expression).flatMap(columnsIn);
}

/** The same condition if it reads none of these columns. */
function withoutConditions(where: Expression | null, gone: ReadonlySet<string>): Expression | null {
  const reads = (condition: Expression) => columnsIn(condition).some((name) => gone.has(name));
  if (where === null || !reads(where)) return where;
  if (where.type !== "CONJUNCTION_AND") return null;
  const children = where.children!.filter((condition) => !reads(condition));
  return children.length > 1 ? { ...where, children } : (children[0] ?? null);
}
