import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextJob, type RungResult, ranked, rungsOf } from "./halving.js";

/** All results of a search, given the score of each trial at each rung. */
function searched(
  trials: number,
  scoreOf: (trial: number, rung: number) => number | undefined,
): RungResult[] {
  const results: RungResult[] = [];
  const rungs = rungsOf(trials).length;
  for (let job = nextJob([], trials, rungs); job; job = nextJob(results, trials, rungs))
    results.push({ ...job, score: scoreOf(job.trial, job.rung) });
  return results;
}

const countAt = (results: readonly RungResult[], at: number) =>
  results.filter(({ rung }) => rung === at).length;

describe("rungsOf", () => {
  it("triples the length up to the whole training, where there are enough trials", () => {
    expect([1, 2, 3, 8, 9, 30].map(rungsOf)).toEqual([
      [1],
      [1],
      [1 / 3, 1],
      [1 / 3, 1],
      [1 / 9, 1 / 3, 1],
      [1 / 9, 1 / 3, 1],
    ]);
  });
});

describe("nextJob", () => {
  it("trains a third of the trials on, and the best trial to its end", () => {
    const score = (trial: number) => ((trial * 7) % 30) / 30; // a permutation of 0 to 29
    const results = searched(30, score);
    // A trial that was among the best third when it went on may not be in the end.
    expect(countAt(results, 0)).toBe(30);
    for (const rung of [1, 2]) {
      const third = Math.floor(countAt(results, rung - 1) / 3);
      expect(countAt(results, rung)).toBeGreaterThanOrEqual(third);
      expect(countAt(results, rung)).toBeLessThanOrEqual(2 * third);
    }
    expect(ranked(results)[0]).toMatchObject({ rung: 2, score: 29 / 30 });
  });

  it("runs each job once, goes up rung by rung, and trains on only what is among the best third then", () => {
    const scores = fc.array(fc.option(fc.double({ noNaN: true }), { nil: undefined }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(scores, (given) => {
        const results = searched(given.length, (trial) => given[trial - 1]);
        expect(new Set(results.map(({ trial, rung }) => `${trial} ${rung}`)).size).toBe(results.length);
        expect(countAt(results, 0)).toBe(given.length);
        results.forEach(({ trial, rung }, i) => {
          if (rung === 0) return;
          const below = results.slice(0, i).filter((result) => result.rung === rung - 1);
          const better = below.filter(({ score = -Infinity }) => score > given[trial - 1]!);
          expect(below.some((result) => result.trial === trial)).toBe(true);
          expect(better.length).toBeLessThan(Math.floor(below.length / 3));
        });
      }),
    );
  });

  it("goes on after failures, and never trains a failed trial on", () => {
    const results = searched(12, (trial) => (trial % 4 === 0 ? undefined : trial));
    expect(countAt(results, 0)).toBe(12);
    expect(results.some(({ trial, rung }) => trial % 4 === 0 && rung > 0)).toBe(false);
    expect(
      countAt(
        searched(12, () => undefined),
        1,
      ),
    ).toBe(0);
  });
});
