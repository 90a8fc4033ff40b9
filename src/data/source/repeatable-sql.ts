import { ConfigError } from "../../errors.js";
import type { Duck } from "./duckdb.js";
import { type Node, nodesOf, sqlTree } from "./sql-tree.js";

/**
 * A source is read several times: to learn, to pack, and again in a later run. SQL that gives other rows each time would
 * learn from rows that are not trained on.
 *
 * @param select a SELECT
 * @param columns of its source: a column hides a keyword of the same name
 * @throws ConfigError if it draws samples, or calls a function whose result changes from one query to the next
 */
export async function refuseUnrepeatable(
  duck: Duck,
  select: string,
  where: string,
  columns: Iterable<string> = [],
): Promise<void> {
  // SQL that cannot be parsed is reported where it runs.
  const nodes = [...nodesOf(await sqlTree(duck, select, where))];
  const calls = nodes.some(({ function_name }) => typeof function_name === "string");
  const functions = calls ? await changingFunctions(duck, where) : NO_FUNCTIONS;
  const names = new Set(columns);
  for (const node of nodes) {
    const found = changingIn(node, functions, names);
    if (found !== undefined) throw unrepeatable(found, where);
  }
}

const NO_FUNCTIONS: ReadonlySet<string> = new Set();

/** By database, since a list takes longer than most of the queries of a small source. */
const lists = new WeakMap<Duck, Promise<ReadonlySet<string>>>();

function changingFunctions(duck: Duck, where: string): Promise<ReadonlySet<string>> {
  const list = lists.get(duck) ?? listChangingFunctions(duck, where);
  lists.set(duck, list);
  return list;
}

/** DuckDB's own list, the functions that it lacks, and the macros that call one of both. */
async function listChangingFunctions(duck: Duck, where: string): Promise<ReadonlySet<string>> {
  const listed = await duck.rows(
    `SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE stability <> 'CONSISTENT'
      OR (function_type IN ('table', 'pragma') AND regexp_matches(function_name, '^(duckdb|pragma)_'))`,
    where,
  );
  const macros = await duck.rows(
    "SELECT lower(function_name), lower(macro_definition) FROM duckdb_functions() WHERE macro_definition IS NOT NULL",
    where,
  );
  // `error` never returns.
  const names = new Set([...listed.map(([name]) => name as string), ...CLOCK, ...UNLISTED]);
  names.delete("error");
  const calls = (definition: string) => definition.match(/\w+/g)?.some((word) => names.has(word));
  const calling = macros.filter(([, definition]) => calls(definition as string));
  return new Set([...names, ...calling.map(([name]) => name as string)]);
}

/** Read without parentheses. */
const CLOCK = ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];

/** Functions that DuckDB lists as consistent, or without a stability. */
const UNLISTED = [
  ...["current_localtime", "current_localtimestamp"],
  ...["reservoir_quantile", "approx_quantile", "approx_top_k"],
  // They run SQL in a text, which is not looked at here.
  ...["query", "json_execute_serialized_sql"],
  // Their results depend on the machine and on the version of DuckDB.
  ...["current_setting", "getvariable", "version"],
];

/** What a part of a syntax tree has that changes from query to query. */
function changingIn(
  { class: kind, function_name, children, column_names, sample }: Node,
  functions: ReadonlySet<string>,
  columns: ReadonlySet<string>,
): string | undefined {
  if (sample) return "a sample";
  if (typeof function_name === "string") {
    const name = function_name.toLowerCase();
    // With one argument, the age up to now.
    if (functions.has(name) || (name === "age" && (children as unknown[]).length === 1)) return `${name}()`;
  }
  if (kind !== "COLUMN_REF" || !Array.isArray(column_names) || column_names.length !== 1) return undefined;
  const [name] = column_names as string[];
  return CLOCK.includes(name.toLowerCase()) && !columns.has(name) ? name : undefined;
}

function unrepeatable(got: string, where: string): ConfigError {
  return new ConfigError({
    what: "the SQL gives other rows each time it runs",
    where,
    got,
    expected: "the same rows every time, because the source is read more than once",
    next: "To draw rows, use shares in data.split, or data.sampleNegatives. Write a date instead of the time of the run.",
  });
}
