/** An allocation that is live from `first` to `last`, inclusive. */
export interface Tenant {
  readonly size: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Assigns an offset to every tenant so that tenants live at the same time do not overlap, and keeps the arena small:
 * largest first, each at the lowest offset that is free during its lifetime (Pisarchyk & Lee, "Efficient Memory
 * Management for Deep Neural Net Inference", 2020, greedy by size).
 */
export function layOut(tenants: readonly Tenant[], alignment: number): { offsets: number[]; size: number } {
  const offsets = new Array<number>(tenants.length).fill(0);
  const placed: number[] = [];
  let arena = 0;
  const bySize = tenants.map((_, i) => i).sort((a, b) => tenants[b].size - tenants[a].size || a - b);
  for (const i of bySize) {
    const neighbours = placed
      .filter((j) => tenants[j].first <= tenants[i].last && tenants[i].first <= tenants[j].last)
      .sort((a, b) => offsets[a] - offsets[b]);
    let offset = 0;
    for (const j of neighbours) {
      if (offset + tenants[i].size <= offsets[j]) break;
      offset = Math.max(offset, offsets[j] + align(tenants[j].size, alignment));
    }
    offsets[i] = offset;
    placed.push(i);
    arena = Math.max(arena, offset + align(tenants[i].size, alignment));
  }
  return { offsets, size: arena };
}

/** The smallest multiple of `alignment` that is at least `size`. */
export function align(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}
