import { draw, drawKey } from "../random.js";

/** An epoch's order: positions as they are stored, or shuffled by (seed, epoch). */
export interface Shuffle {
  readonly seed: number;
  readonly epoch: number;
}

const ROUNDS = 6;
const STREAM = 0x5eed0000;

/**
 * The row that position p of a shuffled epoch reads: a pseudo-random permutation of [0, rows), computed for one
 * position at a time, so that a resumed run needs no stored order and a table of any size no memory.
 * A balanced Feistel network over the next even power of two, cycle-walked into range (Black and Rogaway,
 * "Ciphers with arbitrary finite domains", 2002).
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
