import { type AccumulationGroups, groupStarts } from "../graph/accumulation.js";

/** What a rank has of the accumulation groups of a step. */
export interface Groups {
  /** The rows of the batch, `[begin, end)`. */
  readonly rows: RowRange;
  /** Those of each whole node of the tree of groups that it has: it sends a sum of each. */
  readonly nodes: readonly RowRange[];
}

type RowRange = readonly [begin: number, end: number];

/** By rank (docs/design/program-format.md, "Ranks"). */
export function groupsOf(batch: number, geometry: AccumulationGroups, ranks: number): Groups[] {
  const starts = groupStarts(batch, geometry);
  const all = starts.length - 1;
  return Array.from({ length: ranks }, (_, rank) => {
    const [begin, end] = [rank, rank + 1].map((each) => Math.floor((each * all) / ranks));
    const nodes = wholeNodes(all, begin, end);
    return {
      rows: [starts[begin], starts[end]],
      nodes: nodes.map(([first, last]) => [starts[first], starts[last]]),
    };
  });
}

/** The largest nodes of a balanced tree over `all` leaves that have all of their leaves in `[begin, end)`. */
function wholeNodes(all: number, begin: number, end: number): [number, number][] {
  const nodes: [number, number][] = [];
  for (let first = begin; first < end; ) {
    let size = 1;
    const fits = (wider: number) => first % wider === 0 && (first + wider <= end || end === all);
    while (size < all && fits(2 * size)) size *= 2;
    nodes.push([first, Math.min(first + size, end)]);
    first += size;
  }
  return nodes;
}
