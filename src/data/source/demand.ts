/** How a feature reads a column: as the text of an id, as a number, or as a label or weight. */
export type Want = "text" | "number" | "target";

/** What a run reads of a source. */
export interface Demand {
  /** The columns that features, labels and weights read. */
  readonly wants: ReadonlyMap<string, Want>;
  /** SQL over the columns of the source, besides `sql` of the config: predicates, and names of columns that are copied. */
  readonly sql: readonly string[];
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
