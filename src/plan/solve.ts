import { lowerBound } from "./bound.js";
import { Budget } from "./budget.js";
import { candidatesOf } from "./candidates.js";
import { solveExactly } from "./exact.js";
import { improved, isBetter, place, type Score, scoreOf } from "./improve.js";
import { fits, type Given, type Problem, type Solution, totalsOf } from "./problem.js";

/** Work of local search, about five seconds, and the distance from lower bounds of seconds and of memory at which it ends. */
export const MOST_WORK = 5e7;
const NEAR = { seconds: 1.01, memory: 1.05 };

export interface Solved extends Solution {
  /** Otherwise it is the nearest that was found. */
  readonly fits: boolean;
  /** Seconds that the slowest rank takes at least, in any solution: those of this one, where all were tried. */
  readonly bound: number;
  /** Whether no solution is better, or where none fits, whether this is certain. */
  readonly exact: boolean;
}

/** The solution whose slowest rank takes the least time, and among those the one whose fullest rank takes the least memory. */
export function solve(problem: Problem, work = MOST_WORK): Solved {
  const best = solveExactly(problem);
  if (best && best !== "gaveUp") return { ...best, fits: true, bound: best.most[0], exact: true };
  return { ...search(problem, work), exact: best === undefined };
}

interface Scored {
  readonly given: readonly Given[];
  readonly score: Score;
}

function search(problem: Problem, work: number): Omit<Solved, "exact"> {
  const bound = lowerBound(problem);
  const near = NEAR.seconds * bound;
  const budget = new Budget(work);
  const scored = (given: readonly Given[]): Scored => {
    return { given, score: scoreOf(totalsOf(problem, given), near) };
  };
  const starts = candidatesOf(problem)
    .flatMap((candidate) => problem.limits.map((_, part) => scored(place(problem, candidate, part))))
    .sort((a, b) => (isBetter(a.score, b.score) ? -1 : 1));
  let best = starts[0];
  for (const { given } of starts) {
    if (isNear(problem, best, near) || budget.isSpent) break;
    const next = scored(improved(problem, given, { near, budget }));
    if (isBetter(next.score, best.score)) best = next;
  }
  const most = totalsOf(problem, best.given).most();
  return { given: best.given, most, fits: fits(most, problem), bound };
}

/** Fast enough, and with memory that is about equal on all ranks. */
function isNear(problem: Problem, { given }: Scored, near: number): boolean {
  const totals = totalsOf(problem, given);
  const most = totals.most();
  const mean = most.map((_, part) => totals.sum(part) / problem.ranks);
  const isEven = most.every((value, part) => part === 0 || value <= NEAR.memory * mean[part]);
  return fits(most, problem) && most[0] <= near && isEven;
}
