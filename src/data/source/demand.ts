import type { ColumnType, FittedFeatures } from "../../features/fitted.js";

/** How a feature reads a column: as the text of an id, as a number, or as a label or weight. */
export type Want = "text" | "number" | "target";

/** By column; see `text-types.ts`. */
export type ColumnTypes = FittedFeatures["types"];

/** The type of a column in training, if its values settled one. */
export function trainedType({ types }: Demand, column: string): ColumnType | undefined {
  return types && Object.hasOwn(types, column) ? types[column] : undefined;
}

/** What a run reads of a source. */
export interface Demand {
  /** The columns that features, labels and weights read. */
  readonly wants: ReadonlyMap<string, Want>;
  /** SQL over the columns of the source, besides `sql` of the config: predicates, and names of columns that are copied. */
  readonly sql: readonly string[];
  /** The types that training settled for columns that SQL computes with. */
  readonly types?: ColumnTypes;
}

/** Words of SQL that reach columns without their names. */
const READS_UNNAMED = /\b(columns|pivot|unpivot|natural|all)\b/i;

/**
 * Tells whether SQL may compute with a column. Whoever answers yes for too many only reads more, so the text of the SQL
 * is enough.
 */
export function namedInSql(sql: readonly string[]): (column: string) => boolean {
  const text = sql.join("\n").toLowerCase();
  if (READS_UNNAMED.test(text)) return () => true;
  return (column) => text.includes(column.toLowerCase());
}
