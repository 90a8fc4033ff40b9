import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lowerBound } from "./bound.js";
import { solveExactly } from "./exact.js";
import { type Choice, fits, type Given, isLess, type Load, type Problem, totalsOf } from "./problem.js";
import { solve } from "./solve.js";

const PLANS = 500;

/** Whole numbers, whose sums are exact. */
const number = (most: number) => fc.integer({ min: 0, max: most });

function choiceOf(ranks: number): fc.Arbitrary<Choice> {
  const load = fc.tuple(number(30), number(20), number(9));
  return fc.oneof(
    load.map((each): Choice => ({ whole: true, loads: [each] })),
    fc
      .array(load, { minLength: ranks, maxLength: ranks })
      .map((loads): Choice => ({ whole: false, loads: loads.map((each) => each.map((n) => n >> 1)) })),
  );
}

function problemOf(most: { ranks: number; items: number; choices: number }): fc.Arbitrary<Problem> {
  return fc.integer({ min: 1, max: most.ranks }).chain((ranks) =>
    fc.record({
      ranks: fc.constant(ranks),
      base: fc.tuple(number(5), number(5), fc.constant(0)),
      limits: fc.tuple(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 10, max: 70 }), number(40)),
      items: fc.array(fc.array(choiceOf(ranks), { minLength: 1, maxLength: most.choices }), {
        minLength: 1,
        maxLength: most.items,
      }),
    }),
  );
}

/** All ways, without a bound, also where ranks are interchangeable. */
function tryAll(problem: Problem): Load | undefined {
  let best: Load | undefined;
  const given: Given[] = [];
  const visit = (item: number): void => {
    if (item === problem.items.length) {
      const most = totalsOf(problem, given).most();
      if (fits(most, problem) && (!best || isLess(most, best))) best = most;
      return;
    }
    problem.items[item].forEach(({ whole }, choice) => {
      for (let rank = 0; rank < (whole ? problem.ranks : 1); rank++) {
        given[item] = { choice, rank };
        visit(item + 1);
      }
    });
  };
  visit(0);
  return best;
}

const SMALL = problemOf({ ranks: 3, items: 6, choices: 2 });
const LARGE = problemOf({ ranks: 8, items: 40, choices: 4 });

describe("a solution", () => {
  it("is the best of all ways, for small problems", () => {
    fc.assert(
      fc.property(SMALL, (problem) => {
        const { most, fits: does } = solve(problem, 0);
        expect(does ? most : undefined).toEqual(tryAll(problem));
      }),
      { numRuns: PLANS, seed: 1 },
    );
  });

  it("gives each item once, and no rank more than its limit", () => {
    fc.assert(
      fc.property(LARGE, (problem) => {
        const solved = solve(problem, 2e5);
        expect(solved.given).toHaveLength(problem.items.length);
        const most = totalsOf(problem, solved.given).most();
        expect(solved.most).toEqual(most);
        expect(fits(most, problem)).toBe(solved.fits);
        if (solved.fits) expect(most[0]).toBeGreaterThanOrEqual(solved.bound - 1e-9);
      }),
      { numRuns: 10, seed: 2 },
    );
  });

  it("is never slower with more memory", () => {
    fc.assert(
      fc.property(SMALL, number(30), (problem, more) => {
        const [none, ...bytes] = problem.limits;
        const roomier = { ...problem, limits: [none, ...bytes.map((each) => each + more)] };
        const [before, after] = [problem, roomier].map((each) => solve(each, 0));
        if (!before.fits) return;
        expect(after.fits).toBe(true);
        expect(after.most[0]).toBeLessThanOrEqual(before.most[0]);
      }),
      { numRuns: PLANS, seed: 3 },
    );
  });

  it("takes at least the lower bound", () => {
    fc.assert(
      fc.property(SMALL, (problem) => {
        const exact = solveExactly(problem);
        if (exact && exact !== "gaveUp")
          expect(lowerBound(problem)).toBeLessThanOrEqual(exact.most[0] + 1e-9);
      }),
      { numRuns: PLANS, seed: 4 },
    );
  });
});
