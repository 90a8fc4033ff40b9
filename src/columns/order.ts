import { draw, drawKey } from "../random.js";

/** The order of an epoch: positions as stored, or shuffled by (seed, epoch). */
export interface Shuffle {
  readonly seed: number;
  readonly epoch: number;
}

const ROUNDS = 6;
const STREAM = 0x5eed0000;

/**
 * The row at position p of a shuffled epoch: a pseudo-random permutation of [0, rows), computed for one position at a
 * time. So a resumed run needs no stored order, and memory does not grow with the table. A balanced Feistel network
 * over the next even power of two, cycle-walked into range (Black and Rogaway, "Ciphers with arbitrary finite domains",
 * 2002).
 */
export function permutation(rows: number, { seed, epoch }: Shuffle): (position: number) => number {
  let half = 1;
  while (4 ** half < rows) half++;
  const keys = Array.from({ length: ROUNDS }, (_, round) => drawKey(seed, STREAM + round, epoch));
  const size = 2 ** half;
  const once = (x: number): number => {
    let left = Math.floor(x / size);
    let right = x % size;
    for (const key of keys) {
      const next = (left ^ (draw(key, right) & (size - 1))) >>> 0;
      left = right;
      right = next;
    }
    return left * size + right;
  };
  return (position) => {
    let x = once(position);
    while (x >= rows) x = once(x);
    return x;
  };
}
