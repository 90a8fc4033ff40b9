import type { Duck } from "./duckdb.js";

/** Operators of DuckDB that give rows in the order in which they get them. */
const KEEPS_ORDER =
  /^(READ_\w+|PROJECTION|FILTER|UNNEST|STREAMING_WINDOW|STREAMING_LIMIT|POSITIONAL_\w+|SEQ_SCAN|UNION)\s*$/;

/** The first operator in the plan of a SELECT after which rows may have another order; `undefined` if there is none. */
export async function orderBreak(duck: Duck, select: string, where: string): Promise<string | undefined> {
  const plan = JSON.parse(await duck.explain(select, where)) as PlanNode[];
  return plan.flatMap(operators).find((name) => !KEEPS_ORDER.test(name));
}

interface PlanNode {
  readonly name: string;
  readonly children: readonly PlanNode[];
}

function operators({ name, children }: PlanNode): string[] {
  return [name, ...children.flatMap(operators)];
}

/**
 * Makes joins, groups, sorts and windows give the same rows in the same order each time. On several threads the rows reach them
 * in any order, on which the order of their results depends, ties, `first`, `list`, `row_number` and the last bits of sums
 * too. Without the choice of a plan by sizes, tables are joined as the SQL says.
 */
export async function fixOrder(duck: Duck, select: string, where: string): Promise<void> {
  if ((await orderBreak(duck, select, where)) === undefined) return;
  await duck.run("SET threads = 1", where);
  await duck.run("SET disabled_optimizers = 'join_order,build_side_probe_side'", where);
}
