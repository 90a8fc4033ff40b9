import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawSettings, outerValues, type SearchSpace, searchSchema } from "./search-space.js";

const SPACE: SearchSpace = {
  rate: { log: [1e-4, 1e-1] },
  dropout: { uniform: [0, 0.5] },
  layers: { integer: [1, 4] },
  units: { choice: [[8], [16, 8], null] },
};

const draws = (seed: number, count: number) =>
  Array.from({ length: count }, (_, trial) =>
    Object.fromEntries(drawSettings(SPACE, seed, trial).map(({ path, value }) => [path, value])),
  );

describe("drawSettings", () => {
  it("draws values of the space, the same for the same seed and trial", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        for (const { rate, dropout, layers, units } of draws(seed, 20)) {
          expect(rate).toBeGreaterThanOrEqual(1e-4);
          expect(rate).toBeLessThanOrEqual(1e-1);
          expect(dropout).toBeLessThanOrEqual(0.5);
          expect([1, 2, 3, 4]).toContain(layers);
          expect(outerValues(SPACE.units)).toContainEqual(units);
        }
        expect(draws(seed, 20)).toEqual(draws(seed, 20));
      }),
      { numRuns: 20 },
    );
  });

  it("spreads them: rates over the decades, and every choice", () => {
    const all = draws(1, 3000);
    const share = (of: (values: Record<string, unknown>) => boolean) => all.filter(of).length / all.length;
    expect(share(({ rate }) => (rate as number) < 1e-3)).toBeCloseTo(1 / 3, 1);
    expect(share(({ dropout }) => (dropout as number) < 0.1)).toBeCloseTo(1 / 5, 1);
    expect(share(({ layers }) => layers === 4)).toBeCloseTo(1 / 4, 1);
    expect(share(({ units }) => units === null)).toBeCloseTo(1 / 3, 1);
  });

  it("does not change a path's values where another one is added", () => {
    const { rate } = SPACE;
    expect(drawSettings({ rate }, 3, 7)[0]).toEqual(drawSettings(SPACE, 3, 7)[0]);
  });
});

describe("the search section", () => {
  it.each([
    { log: [0, 1] },
    { log: [1, 0.1] },
    { uniform: [1, 1] },
    { integer: [1, 2.5] },
    { choice: [] },
    { log: [1e-4, 1], choice: [1] },
    [1, 2],
  ])("refuses %j", (space) => {
    expect(searchSchema.safeParse({ "train.batchSize": space }).success).toBe(false);
  });
});
