/**
 * Copies of the partial results that a rank keeps side by side: FoldTree::reserve of native/cpu/fold_tree.cc.
 * @param groups of a step
 * @param own most groups of a rank
 */
export function foldCopies(groups: number, own: number, threads: number): number {
  const below = 2 ** Math.floor(Math.log2(own));
  const alone = Math.max(copiesFor(own, threads), copiesFor(below, threads));
  return own < groups ? Math.max(alone, copiesForPart(own, threads), copiesForPart(below, threads)) : alone;
}

const depthOf = (leaves: number): number => Math.ceil(Math.log2(leaves));

function levelOfRoots(leaves: number, threads: number): number {
  const depth = depthOf(leaves);
  return depth - Math.min(depth, Math.floor(Math.log2(threads)));
}

function copiesFor(leaves: number, threads: number): number {
  const levels = levelOfRoots(leaves, threads);
  const roots = Math.ceil(leaves / 2 ** levels);
  let copies = roots;
  for (let level = 0; level < levels; level++)
    copies += Math.min(Math.min(roots, threads) * 2 ** level, threads);
  return copies;
}

function copiesForPart(leaves: number, threads: number): number {
  const level = levelOfRoots(leaves, threads);
  const copies = Math.floor(leaves / 2 ** level) + 2 * level + 1 + threads * (level + 1);
  return Math.min(copies, leaves);
}
