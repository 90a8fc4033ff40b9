const SLOTS = 1024n;

/** Keys by (key mod 1024, key), as unsigned numbers. */
export function inCheckpointOrder(keys: Iterable<bigint>): bigint[] {
  return [...keys].sort((a, b) => {
    const [x, y] = [BigInt.asUintN(64, a), BigInt.asUintN(64, b)];
    return compare(x % SLOTS, y % SLOTS) || compare(x, y);
  });
}

/** Compares keys as unsigned numbers. */
export function compareKeys(a: bigint, b: bigint): number {
  return compare(BigInt.asUintN(64, a), BigInt.asUintN(64, b));
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
