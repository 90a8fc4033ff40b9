/** How the rows of a batch are cut into groups that are summed by themselves (docs/design/program-format.md). */
export interface AccumulationGroups {
  /** Rows of a tile; groups are whole tiles. */
  readonly tileRows: number;
  /** The number of groups; a batch of fewer tiles has one for each tile. */
  readonly groups: number;
}

/** The first row of each group of a batch of `rows` rows, and after the last group the number of rows. */
export function groupStarts(rows: number, { tileRows, groups }: AccumulationGroups): number[] {
  const tiles = Math.ceil(rows / tileRows);
  const count = Math.min(groups, tiles);
  return Array.from({ length: count + 1 }, (_, group) =>
    Math.min(rows, Math.floor((group * tiles) / count) * tileRows),
  );
}

/**
 * Adds up the sums of some groups, ascending by group, along the balanced tree over all groups: two neighbours, then
 * two pairs, and so on. A missing group passes the other through.
 */
export function foldGroups<Sum>(
  sums: readonly (readonly [group: number, sum: Sum])[],
  add: (left: Sum, right: Sum) => Sum,
): Sum {
  const [first, last] = [sums[0][0], sums[sums.length - 1][0]];
  if (first === last) return sums[0][1];
  // The highest bit in which the groups differ says where the tree parts them.
  const half = 2 ** Math.floor(Math.log2(first ^ last));
  const middle = sums.findIndex(([group]) => (group & half) !== 0);
  return add(foldGroups(sums.slice(0, middle), add), foldGroups(sums.slice(middle), add));
}
