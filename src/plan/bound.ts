import { type Load, leastSum, mostOf, type Problem, sumOver } from "./problem.js";

const SECONDS = 0;
const ROUNDS = 60;

/**
 * Seconds that the slowest rank of any solution takes at least: the mean over the ranks with the memory that all of them have
 * together, and the largest item.
 */
export function lowerBound(problem: Problem): number {
  const { items, base } = problem;
  const least = items.map((choices) => Math.min(...choices.map((choice) => mostOf(choice, SECONDS))));
  return Math.max(meanBound(problem), base[SECONDS] + Math.max(0, ...least));
}

/**
 * The mean over the ranks, however unequally they share items. Lagrange's bound: each byte of the fastest tier has a price, and the
 * best price is found by ternary search.
 */
export function meanBound(problem: Problem): number {
  const { items } = problem;
  const free = items.reduce((sum, choices) => sum + leastSum(choices, SECONDS), 0);
  let best = problem.base[SECONDS] + free / problem.ranks;
  if (problem.limits.length < 2) return best;
  let [low, high] = [0, highestPrice(problem)];
  for (let round = 0; round < ROUNDS; round++) {
    const third = (high - low) / 3;
    const [a, b] = [low + third, high - third].map((price) => pricedBound(problem, price));
    best = Math.max(best, a, b);
    if (a < b) low += third;
    else high -= third;
  }
  return best;
}

/** Above it, a dearer byte changes no choice. */
function highestPrice({ items }: Problem): number {
  const seconds = items.flatMap((choices) => choices.map((choice) => sumOver(choice, SECONDS)));
  const bytes = items.flatMap((choices) => choices.map((choice) => sumOver(choice, 1)));
  const positive = bytes.filter((each) => each > 0);
  if (positive.length === 0) return 0;
  return seconds.reduce((sum, each) => sum + each, 0) / positive.reduce((a, b) => Math.min(a, b));
}

function pricedBound({ ranks, base, limits, items }: Problem, price: number): number {
  const cost = (loads: readonly Load[]): number =>
    loads.reduce((sum, load) => sum + load[SECONDS] + price * load[1], 0);
  const least = items.reduce((sum, choices) => sum + Math.min(...choices.map(({ loads }) => cost(loads))), 0);
  return base[SECONDS] + (least - price * ranks * (limits[1] - base[1])) / ranks;
}
