import type { SourceConfig } from "../data-config.js";
import { NO_TYPE } from "./common-type.js";
import { type ColumnTypes, type Demand, declaredType, namedInSql } from "./demand.js";
import type { SourceColumn } from "./duckdb.js";
import type { Relation } from "./relation.js";

/** The types with which SQL sees columns: of those that it may compute with, and of those with a type of the config. */
export function seenTypes(
  columns: readonly SourceColumn[],
  { untyped = [] }: Relation,
  { sql }: Demand,
  declared: SourceConfig,
): ColumnTypes {
  const isNamed = namedInSql(sql);
  const named = columns.filter(({ name }) => isNamed(name) || declaredType(declared, name) !== undefined);
  const types = named.map(({ name, type }) => [name, untyped.includes(name) ? NO_TYPE : type] as const);
  return types.length > 0 ? Object.fromEntries(types) : undefined;
}
