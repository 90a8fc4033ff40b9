/**
 * The problem that a plan solves, without tables and bytes on wires: items are given to ranks, and each rank spends what its
 * items cost it. All ranks have the same limits.
 */
export interface Problem {
  readonly ranks: number;
  /** What every rank spends, whatever it is given. */
  readonly base: Load;
  /** The most of each that a rank may spend. */
  readonly limits: Load;
  /** The choices for each item. */
  readonly items: readonly (readonly Choice[])[];
}

/** What a rank spends: seconds of a step, then bytes of each tier, the fastest one first. */
export type Load = readonly number[];

export interface Choice {
  /** One rank gets the whole item. Otherwise all ranks share it. */
  readonly whole: boolean;
  /** Of the rank that gets the item, or of each rank. */
  readonly loads: readonly Load[];
}

/** What has become of an item. */
export interface Given {
  /** The index of the choice. */
  readonly choice: number;
  /** Of a whole item; 0 where ranks share it. */
  readonly rank: number;
}

export interface Solution {
  readonly given: readonly Given[];
  /** The most that any rank spends, of each. */
  readonly most: Load;
}

/** What the ranks spend so far. */
export class Totals {
  private readonly width: number;
  private readonly numbers: Float64Array;

  constructor(
    readonly problem: Problem,
    from?: Totals,
  ) {
    const { ranks, base } = problem;
    this.width = base.length;
    this.numbers = from ? from.numbers.slice() : new Float64Array(ranks * this.width);
    for (let rank = 0; !from && rank < ranks; rank++) this.numbers.set(base, rank * this.width);
  }

  at(rank: number, part: number): number {
    return this.numbers[rank * this.width + part];
  }

  /** @param sign 1, or -1 to take the item back */
  add({ whole, loads }: Choice, rank: number, sign = 1): void {
    for (const [i, load] of loads.entries()) this.addTo(whole ? rank : i, load, sign);
  }

  /** The same with the item, in memory of its own. */
  with(choice: Choice, rank: number): Totals {
    const next = new Totals(this.problem, this);
    next.add(choice, rank);
    return next;
  }

  most(): number[] {
    const most = this.problem.base.map(() => 0);
    for (let i = 0; i < this.numbers.length; i++) {
      const part = i % this.width;
      if (this.numbers[i] > most[part]) most[part] = this.numbers[i];
    }
    return most;
  }

  sum(part: number): number {
    let sum = 0;
    for (let i = part; i < this.numbers.length; i += this.width) sum += this.numbers[i];
    return sum;
  }

  private addTo(rank: number, load: Load, sign: number): void {
    for (let part = 0; part < this.width; part++) this.numbers[rank * this.width + part] += sign * load[part];
  }
}

export function totalsOf(problem: Problem, given: readonly Given[]): Totals {
  const totals = new Totals(problem);
  given.forEach(({ choice, rank }, i) => void totals.add(problem.items[i][choice], rank));
  return totals;
}

/** Whether `a` is better: less of the first part in which they differ. */
export function isLess(a: Load, b: Load): boolean {
  const differs = a.findIndex((value, part) => value !== b[part]);
  return differs >= 0 && a[differs] < b[differs];
}

export function fits(most: Load, { limits }: Problem): boolean {
  return most.every((value, part) => value <= limits[part]);
}

/** Of a choice, over all ranks. */
export function sumOver({ loads }: Choice, part: number): number {
  return loads.reduce((sum, load) => sum + load[part], 0);
}

/** Of a choice, on the rank that spends most. */
export function mostOf({ loads }: Choice, part: number): number {
  return loads.reduce((most, load) => Math.max(most, load[part]), 0);
}

/** The least of this part that the choices of an item sum up to over all ranks. */
export const leastSum = (choices: readonly Choice[], part: number): number =>
  choices.reduce((least, choice) => Math.min(least, sumOver(choice, part)), Number.POSITIVE_INFINITY);
