import { decimalPointSql, trimmedSql } from "../../features/values.js";
import type { SourceConfig } from "../data-config.js";
import { quoteText } from "./duckdb.js";

/** What the cells of a text file mean: `trim` and `decimal` of the config, as SQL over the texts. */

/**
 * The text of a cell as features and SQL read it.
 * @param isNumber true if its column is read as numbers
 */
export function cellSql(config: SourceConfig, column: string, isNumber: boolean): string {
  const text = config.trim ? trimmedCell(column, config.nullValues ?? []) : column;
  return config.decimal === "," && isNumber ? decimalPointSql(text) : text;
}

function trimmedCell(column: string, nullValues: readonly string[]): string {
  const missing = ["", ...nullValues].map(quoteText);
  const text = trimmedSql(column);
  return `CASE WHEN ${text} NOT IN (${missing.join(", ")}) THEN ${text} END`;
}
