import { decimalPointSql } from "../../features/values.js";
import type { SourceConfig } from "../data-config.js";
import { quoteText } from "./duckdb.js";

/** What the cells of a text file mean: `trim` and `decimal` of the config, as SQL over the texts. */

const WHITE_SPACE = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)";

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
  const text = `trim(${column}, ${WHITE_SPACE})`;
  return `CASE WHEN ${text} NOT IN (${missing.join(", ")}) THEN ${text} END`;
}
