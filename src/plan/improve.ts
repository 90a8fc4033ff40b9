import type { Budget } from "./budget.js";
import type { Candidate } from "./candidates.js";
import { type Choice, type Given, mostOf, type Problem, Totals, totalsOf } from "./problem.js";

/** Ranks that a whole item is tried on: those that have spent least. */
const RANKS_TRIED = 4;
/** Items of those ranks that it is exchanged with, at most. */
const PARTNERS = 64;
/** Work of a change, besides that for each rank. */
const CHANGE = 16;
/** Differences of sums that are no improvement. */
const SAME = 1e-9;

/** Gives whole items to ranks, the largest first, each to the rank that has spent least of a part. */
export function place(problem: Problem, candidate: Candidate, by: number): Given[] {
  const totals = new Totals(problem);
  const choiceOf = (item: number): Choice => problem.items[item][candidate[item]];
  const given: Given[] = candidate.map((choice) => ({ choice, rank: 0 }));
  const items = [...candidate.keys()];
  const whole = items.filter((item) => choiceOf(item).whole);
  for (const item of items) if (!choiceOf(item).whole) totals.add(choiceOf(item), 0);
  for (const item of whole.sort((a, b) => mostOf(choiceOf(b), by) - mostOf(choiceOf(a), by))) {
    const rank = leastFull(totals, choiceOf(item), by);
    given[item] = { choice: candidate[item], rank };
    totals.add(choiceOf(item), rank);
  }
  return given;
}

/** The rank that has spent least of a part, among those on which the item fits, if there are any. */
function leastFull(totals: Totals, { loads: [load] }: Choice, by: number): number {
  const { ranks, limits } = totals.problem;
  const isOver = (rank: number) => limits.some((limit, part) => totals.at(rank, part) + load[part] > limit);
  let [best, bestOver] = [0, isOver(0)];
  for (let rank = 1; rank < ranks; rank++) {
    const over = isOver(rank);
    if (over === bestOver ? totals.at(rank, by) >= totals.at(best, by) : over) continue;
    [best, bestOver] = [rank, over];
  }
  return best;
}

/** How bad a solution is: what does not fit, the slowest rank, all ranks but it, and memory, in this order. */
export type Score = readonly number[];

/** @param near seconds of the slowest rank that are good enough: from there on, memory counts */
export function scoreOf(totals: Totals, near: number): Score {
  const { ranks, limits } = totals.problem;
  let [missing, squares] = [0, 0];
  for (let rank = 0; rank < ranks; rank++) {
    squares += totals.at(rank, 0) ** 2;
    for (const [part, limit] of limits.entries()) missing += excess(totals.at(rank, part), limit);
  }
  const [seconds, ...bytes] = totals.most();
  return seconds <= near ? [missing, near, 0, ...bytes] : [missing, seconds, squares, ...bytes];
}

/** As a share of the limit. */
const excess = (spent: number, limit: number): number =>
  spent > limit ? (spent - limit) / Math.max(1, limit) : 0;

export function isBetter(a: Score, b: Score): boolean {
  const differs = a.findIndex((value, i) => Math.abs(value - b[i]) > SAME * Math.max(value, b[i]));
  return differs >= 0 && a[differs] < b[differs];
}

/** Local search from a solution, until no change of one or two items makes it better. */
export function improved(
  problem: Problem,
  start: readonly Given[],
  { near, budget }: { readonly near: number; readonly budget: Budget },
): Given[] {
  return new LocalSearch(problem, start, near, budget).run();
}

class LocalSearch {
  private readonly totals: Totals;
  private readonly given: Given[];
  private score: Score;

  constructor(
    private readonly problem: Problem,
    start: readonly Given[],
    private readonly near: number,
    private readonly budget: Budget,
  ) {
    this.given = [...start];
    this.totals = totalsOf(problem, start);
    this.score = scoreOf(this.totals, near);
  }

  run(): Given[] {
    for (let changed = true; changed && !this.budget.isSpent; ) {
      changed = false;
      for (const item of this.itemsOf(this.worst()))
        changed = (!this.budget.isSpent && this.change(item)) || changed;
    }
    return this.given;
  }

  /** The rank with too much in it, or the slowest one, or where that is fast enough, the fullest one. */
  private worst(): number {
    const { ranks, limits } = this.problem;
    const most = this.totals.most();
    const over = limits.findIndex((limit, i) => most[i] > limit);
    const part = over >= 0 ? over : most[0] > this.near ? 0 : most.length - 1;
    return ranksBy(ranks, (rank) => -this.totals.at(rank, part))[0];
  }

  private itemsOf(rank: number): number[] {
    const isThere = (item: number) => !this.choiceOf(item).whole || this.given[item].rank === rank;
    return [...this.given.keys()].filter(isThere);
  }

  private choiceOf(item: number): Choice {
    return this.problem.items[item][this.given[item].choice];
  }

  /** Makes the first change of this item that makes the solution better. */
  private change(item: number): boolean {
    const emptiest = ranksBy(this.problem.ranks, (rank) => this.totals.at(rank, 0)).slice(0, RANKS_TRIED);
    for (const [choice, { whole }] of this.problem.items[item].entries())
      for (const rank of whole ? emptiest : [0]) if (this.try([[item, { choice, rank }]])) return true;
    return this.choiceOf(item).whole && this.exchange(item, emptiest);
  }

  private exchange(item: number, ranks: readonly number[]): boolean {
    this.budget.spend(this.given.length);
    const own = this.given[item];
    const isPartner = (other: number) =>
      this.choiceOf(other).whole &&
      this.given[other].rank !== own.rank &&
      ranks.includes(this.given[other].rank);
    const partners = [...this.given.keys()].filter(isPartner).slice(0, PARTNERS);
    return partners.some((other) =>
      this.try([
        [item, { ...own, rank: this.given[other].rank }],
        [other, { ...this.given[other], rank: own.rank }],
      ]),
    );
  }

  private try(changes: readonly (readonly [item: number, to: Given])[]): boolean {
    this.budget.spend(CHANGE + this.problem.ranks);
    const before = changes.map(([item]) => [item, this.given[item]] as const);
    this.set(changes);
    const score = scoreOf(this.totals, this.near);
    if (isBetter(score, this.score)) {
      this.score = score;
      return true;
    }
    this.set(before);
    return false;
  }

  private set(changes: readonly (readonly [item: number, to: Given])[]): void {
    for (const [item, to] of changes) {
      this.totals.add(this.choiceOf(item), this.given[item].rank, -1);
      this.given[item] = to;
      this.totals.add(this.choiceOf(item), to.rank);
    }
  }
}

function ranksBy(ranks: number, key: (rank: number) => number): number[] {
  return Array.from({ length: ranks }, (_, rank) => rank).sort((a, b) => key(a) - key(b));
}
