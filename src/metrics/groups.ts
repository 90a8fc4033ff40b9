/** Rows by group: `rows.subarray(starts[g], starts[g + 1])` are the rows of group g, in their original order. */
export interface Grouping {
  readonly rows: Uint32Array;
  readonly starts: Uint32Array;
}

/** @param groups [N] any integers; equal ones form a group. Groups are ordered by their first rows. */
export function groupRows(groups: Int32Array | Float64Array): Grouping {
  const numbers = new Map<number, number>();
  const numbered = Uint32Array.from(groups, (group) => {
    const number = numbers.get(group) ?? numbers.size;
    if (number === numbers.size) numbers.set(group, number);
    return number;
  });
  const starts = new Uint32Array(numbers.size + 1);
  for (const number of numbered) starts[number + 1]++;
  for (let g = 0; g < numbers.size; g++) starts[g + 1] += starts[g];
  const next = starts.slice();
  const rows = new Uint32Array(groups.length);
  for (let row = 0; row < rows.length; row++) rows[next[numbered[row]]++] = row;
  return { rows, starts };
}

/** The rows of each group, concatenated. */
export function* eachGroup({ rows, starts }: Grouping): Generator<Uint32Array> {
  for (let g = 0; g + 1 < starts.length; g++) yield rows.subarray(starts[g], starts[g + 1]);
}

/** Gathers the values of some rows. */
export function gather(values: Float32Array, rows: Uint32Array): Float32Array {
  const taken = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = values[rows[i]];
  return taken;
}
