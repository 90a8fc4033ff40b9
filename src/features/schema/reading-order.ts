/**
 * Puts what reads others after them, otherwise in the given order. Without recursion: chains may be longer than the stack.
 * @param reads for each index, the indices that it reads
 * @returns the order, and the first path found that ends where it begins; the order is then worthless
 */
export function readingOrder(reads: readonly (readonly number[])[]): {
  order: number[];
  cycle?: number[];
} {
  const done = new Set<number>();
  for (const start of reads.keys()) {
    if (done.has(start)) continue;
    const path = new Map<number, Iterator<number>>([[start, reads[start].values()]]);
    const stack = [start];
    while (stack.length > 0) {
      const i = stack[stack.length - 1];
      const next = path.get(i)!.next();
      if (next.done) {
        done.add(i);
        path.delete(i);
        stack.pop();
      } else if (path.has(next.value)) {
        return { order: [], cycle: [...stack.slice(stack.indexOf(next.value)), next.value] };
      } else if (!done.has(next.value)) {
        path.set(next.value, reads[next.value].values());
        stack.push(next.value);
      }
    }
  }
  return { order: [...done] };
}
