import { Budget } from "./budget.js";
import {
  type Choice,
  fits,
  type Given,
  isLess,
  type Load,
  leastSum,
  mostOf,
  type Problem,
  type Solution,
  Totals,
} from "./problem.js";

/** Items that are tried in all ways. */
const MOST_ITEMS = 12;
/** About a second. */
const MOST_WORK = 1e6;

/**
 * The best solution, by branch and bound: the least time of the slowest rank, then the least memory of the fullest one.
 * `undefined` if nothing fits, or `gaveUp` if it takes too much work.
 */
export function solveExactly(problem: Problem): Solution | undefined | "gaveUp" {
  return problem.items.length > MOST_ITEMS ? "gaveUp" : new Search(problem).run();
}

class Search {
  private best: Solution | undefined;
  /** The items, the largest first. */
  private readonly order: readonly number[];
  /** By position in the order: the least that the items from there on sum up to over all ranks, of each part. */
  private readonly rest: readonly Load[];
  /** By position in the order: a number for each rank; for the items from there on, ranks with the same number are equivalent. */
  private readonly equivalent: readonly (readonly number[])[];
  private readonly given: Given[];
  private readonly budget = new Budget(MOST_WORK);
  private gaveUp = false;

  constructor(private readonly problem: Problem) {
    const { items } = problem;
    const size = items.map((choices) => Math.max(...choices.map((choice) => mostOf(choice, 0))));
    this.order = [...items.keys()].sort((a, b) => size[b] - size[a]);
    this.rest = this.restOf();
    this.equivalent = this.equivalentOf();
    this.given = items.map(() => ({ choice: 0, rank: 0 }));
  }

  run(): Solution | undefined | "gaveUp" {
    this.place(0, new Totals(this.problem));
    return this.gaveUp ? "gaveUp" : this.best;
  }

  private place(position: number, totals: Totals): void {
    if (this.gaveUp || this.isHopeless(position, totals)) return;
    if (position === this.order.length) {
      this.best = { given: [...this.given], most: totals.most() };
      return;
    }
    this.budget.spend(this.problem.ranks);
    if (this.budget.isSpent) this.gaveUp = true;
    const item = this.order[position];
    for (const [choice, each] of this.problem.items[item].entries()) {
      for (const rank of this.ranksFor(each, position, totals)) {
        this.given[item] = { choice, rank };
        this.place(position + 1, totals.with(each, rank));
      }
    }
  }

  /** Whether no solution from here is better than the best: of each part a rank spends at least the mean. */
  private isHopeless(position: number, totals: Totals): boolean {
    const { ranks } = this.problem;
    const rest = this.rest[position];
    const least = totals.most().map((most, part) => Math.max(most, (totals.sum(part) + rest[part]) / ranks));
    return !fits(least, this.problem) || (this.best !== undefined && !isLess(least, this.best.most));
  }

  /** Of ranks that have spent the same, and that are equivalent for later items, one is enough. */
  private ranksFor({ whole }: Choice, position: number, totals: Totals): number[] {
    if (!whole) return [0];
    const seen = new Set<string>();
    const { ranks, base } = this.problem;
    return Array.from({ length: ranks }, (_, rank) => rank).filter((rank) => {
      const spent = base.map((_, part) => totals.at(rank, part));
      const key = `${this.equivalent[position][rank]} ${spent.join(" ")}`;
      return !seen.has(key) && seen.add(key);
    });
  }

  private restOf(): Load[] {
    const rest: Load[] = [this.problem.base.map(() => 0)];
    for (const item of [...this.order].reverse())
      rest.unshift(rest[0].map((sum, part) => sum + leastSum(this.problem.items[item], part)));
    return rest;
  }

  private equivalentOf(): number[][] {
    const { ranks, items } = this.problem;
    const equivalent = [Array.from({ length: ranks }, () => 0)];
    for (const item of [...this.order].reverse()) equivalent.unshift(divided(equivalent[0], items[item]));
    return equivalent;
  }
}

/** Ranks that were equivalent are so no longer if they share an item with different loads. */
function divided(equivalent: readonly number[], choices: readonly Choice[]): number[] {
  const shared = choices.filter(({ whole }) => !whole);
  const numbers = new Map<string, number>();
  return equivalent.map((number, rank) => {
    const key = `${number} ${shared.map(({ loads }) => loads[rank].join(" ")).join(",")}`;
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key)!;
  });
}
