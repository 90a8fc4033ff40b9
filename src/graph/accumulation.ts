/** How the rows of a batch are divided into groups that are summed separately (docs/design/program-format.md). */
export interface AccumulationGroups {
  /** Rows per tile; a group consists of whole tiles. */
  readonly tileRows: number;
  /** Number of groups; a batch with fewer tiles has one per tile. */
  readonly groups: number;
}

/** The first row of each group of a batch of `rows` rows, followed by the number of rows. */
export function groupStarts(rows: number, { tileRows, groups }: AccumulationGroups): number[] {
  const tiles = Math.ceil(rows / tileRows);
  const count = Math.min(groups, tiles);
  return Array.from({ length: count + 1 }, (_, group) =>
    Math.min(rows, Math.floor((group * tiles) / count) * tileRows),
  );
}

/**
 * Adds the sums of some groups, in ascending order, along the balanced tree over all groups: pairs of neighbours, then
 * pairs of these, and so on. If a group is missing, its neighbour passes through.
 */
export function foldGroups<Sum>(
  sums: readonly (readonly [group: number, sum: Sum])[],
  add: (left: Sum, right: Sum) => Sum,
): Sum {
  const [first, last] = [sums[0][0], sums[sums.length - 1][0]];
  if (first === last) return sums[0][1];
  // The highest bit in which the groups differ is the level where the tree separates them.
  const half = 2 ** Math.floor(Math.log2(first ^ last));
  const middle = sums.findIndex(([group]) => (group & half) !== 0);
  return add(foldGroups(sums.slice(0, middle), add), foldGroups(sums.slice(middle), add));
}
