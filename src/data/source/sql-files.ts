import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "../../errors.js";
import { type Duck, quoteText } from "./duckdb.js";
import { constantOf, type Node, nodesOf, sqlTree } from "./sql-tree.js";

/**
 * The files that SQL reads besides the view `source`. Packed data is used again only if they have not changed.
 *
 * @param select a SELECT; if it cannot be parsed, the error is reported where it runs
 * @throws ConfigError if the SQL reads anything else, whose changes could not be seen
 */
export async function sqlFiles(duck: Duck, select: string, where: string): Promise<string[]> {
  const nodes = [...nodesOf(await sqlTree(duck, select, where))];
  const views = viewsOf(nodes);
  const files = new Set<string>();
  for (const pattern of nodes.flatMap((node) => patternsOf(node, views, where)))
    for (const file of await expand(duck, pattern, where)) files.add(file);
  return [...files].sort();
}

/** The names of views and of recursive tables, in small letters. */
export function viewsOf(nodes: readonly Node[]): ReadonlySet<string> {
  return new Set(["source", ...nodes.flatMap(({ key, cte_name }) => [key, cte_name]).map(lower)]);
}

const lower = (name: unknown) => (typeof name === "string" ? name.toLowerCase() : "");

/** A path or pattern; a name that is no file may be that of a view. */
interface Pattern {
  readonly text: string;
  readonly isView?: boolean;
  readonly isTable?: boolean;
}

function patternsOf(node: Node, views: ReadonlySet<string>, where: string): Pattern[] {
  if (node.type === "BASE_TABLE") return [tableOf(node, views)];
  if (node.type === "SHOW_REF" && !node.query) throw readsOutside("SHOW", where);
  if (node.type === "TABLE_FUNCTION") return pathsOf(node.function as Node, where);
  return [];
}

function tableOf(node: Node, views: ReadonlySet<string>): Pattern {
  return {
    text: nameOfTable(node),
    isTable: true,
    isView: !node.schema_name && views.has(lower(node.table_name)),
  };
}

/** DuckDB reads a table that does not exist from the file of this name, dots included. */
export function nameOfTable({ catalog_name, schema_name, table_name }: Node): string {
  return [catalog_name, schema_name, table_name].filter(Boolean).join(".");
}

/** Table functions that compute with their arguments. */
const COMPUTES = new Set([
  "range",
  "generate_series",
  "unnest",
  "repeat",
  "repeat_row",
  "json_each",
  "json_tree",
]);

/** Table functions whose first argument is a path, a pattern, or a list of them. */
const READS_FILES =
  /^(read_(csv|csv_auto|parquet|text|blob|(nd)?json(_objects)?(_auto)?)|parquet_(scan|schema|(file_|full_|kv_)?metadata)|sniff_csv|glob)$/;

function pathsOf({ function_name, children }: Node, where: string): Pattern[] {
  const name = lower(function_name);
  if (COMPUTES.has(name)) return [];
  if (!READS_FILES.test(name)) throw readsOutside(`${name}()`, where);
  const texts = constantTexts((children as Node[])[0]);
  if (!texts) throw readsOutside(`${name}() of a path that is computed`, where);
  return texts.map((text) => ({ text }));
}

export function constantTexts(node: Node | undefined): string[] | undefined {
  const texts = [constantOf(node)].flat();
  return texts.every((text) => typeof text === "string") ? texts : undefined;
}

const URL_START = /^[a-z][a-z0-9]+:/i;

async function expand(duck: Duck, { text, isView, isTable }: Pattern, where: string): Promise<string[]> {
  const exists = existsSync(text);
  if (!exists && URL_START.test(text)) throw readsOutside(text, where);
  const globbed = await duck.rows(`SELECT file FROM glob(${quoteText(text)})`, where);
  const found = [...(exists ? [text] : []), ...globbed.map(([file]) => file as string)];
  const files = found.map((file) => resolve(file));
  // A name of WITH hides the file, at least in a part of the SQL.
  if (isView) return files.filter(isFile);
  if (isTable && files.length === 0) throw readsOutside(`${text}, which is no file`, where);
  const other = files.find((file) => !isFile(file));
  if (other !== undefined) throw readsOutside(`${other}, which is no file`, where);
  return files;
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

function readsOutside(got: string, where: string): ConfigError {
  return new ConfigError({
    what: "the SQL reads something whose changes cannot be seen",
    where,
    got,
    expected: "the view source, names of WITH, and files with constant paths",
    next: "Write the other data to a file, and name it with a constant path, such as FROM 'items.parquet' or read_csv('items.csv').",
  });
}
