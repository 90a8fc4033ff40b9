/**
 * Whole numbers of up to 2^1000 as smaller ones of the same order: one of more than `bits` bits is rounded down to as many. The
 * smaller number is how many bits are dropped, in front of the others.
 */
export class Rounded {
  private readonly half: number;

  constructor(bits: number) {
    this.half = 2 ** (bits - 1);
  }

  of(number: number): number {
    let dropped = 0;
    let rest = number;
    for (; rest >= 2 * this.half; rest = Math.floor(rest / 2)) dropped++;
    return dropped * this.half + rest;
  }

  /** The number as it was rounded. */
  number(rounded: number): number {
    const dropped = Math.max(0, Math.floor(rounded / this.half) - 1);
    return (rounded - dropped * this.half) * 2 ** dropped;
  }
}
