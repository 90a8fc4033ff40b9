/** A table whose first rows are those of `values`, in order. Its other `rows - values.length` rows have no value. */
export interface NamedRows {
  readonly values: readonly string[];
  readonly rows: number;
}

/**
 * Pairs (row here, row there) with the same meaning: rows of the same value, and the rows after the values (unknown,
 * missing) if both tables have equally many.
 */
export function rowsByValue(here: NamedRows, there: NamedRows): [number, number][] {
  const rowOf = new Map(there.values.map((value, row) => [value, row]));
  const pairs = here.values.flatMap((value, row): [number, number][] => {
    const from = rowOf.get(value);
    return from === undefined ? [] : [[row, from]];
  });
  const special = here.rows - here.values.length;
  if (special !== there.rows - there.values.length) return pairs;
  for (let i = 0; i < special; i++) pairs.push([here.values.length + i, there.values.length + i]);
  return pairs;
}

/** The table of a parameter `<tables>.<table>.weight`. */
export const tableOf = (name: string): string | undefined => /^[^.]+\.(.+)\.weight$/.exec(name)?.[1];
