import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auc } from "./auc.js";
import { evaluateBinary } from "./evaluate-binary.js";
import { evaluateRegression } from "./evaluate-regression.js";
import type { MetricResult } from "./metric.js";
import { xauc } from "./xauc.js";

const value = (result?: MetricResult) => (result?.defined ? result.value : Number.NaN);
const row = fc.record({
  score: fc.constantFrom(-2, -1, 0, 0.5, 3, 4),
  label: fc.constantFrom(0, 1),
  weight: fc.integer({ min: 1, max: 4 }),
  group: fc.integer({ min: -3, max: 3 }),
});
const rows = fc.array(row, { minLength: 1, maxLength: 60 });
type Row = { score: number; label: number; weight: number; group: number };
const column = (sample: Row[], key: keyof Row) => Float32Array.from(sample, (each) => each[key]);

function evaluated(sample: Row[], recallAt: number[] = []) {
  const of = Int32Array.from(sample, ({ group }) => group);
  const weights = column(sample, "weight");
  return evaluateBinary(column(sample, "score"), column(sample, "label"), weights, { of, recallAt });
}

const byGroup = (sample: Row[]) =>
  [...new Set(sample.map(({ group }) => group))].map((g) => sample.filter(({ group }) => group === g));

describe("grouped AUC", () => {
  it("is the mean of the groups' own AUC, weighted by their rows", () => {
    fc.assert(
      fc.property(rows, (sample) => {
        let [sum, total] = [0, 0];
        for (const group of byGroup(sample)) {
          const own = auc(column(group, "score"), column(group, "label"), column(group, "weight"));
          if (!own.defined) continue;
          const weight = group.reduce((all, { weight }) => all + weight, 0);
          sum += weight * own.value;
          total += weight;
        }
        const result = evaluated(sample).groupedAuc;
        if (total === 0) expect(result).toEqual({ defined: false, reason: "no group has both labels" });
        else expect(value(result)).toBeCloseTo(sum / total, 12);
      }),
    );
  });
});

describe("recall@k", () => {
  it("is the expected recall when ties are broken by chance", () => {
    /** Mean over all orders of the tied rows, by the linearity of the mean: each has an even chance of a free place. */
    const recall = (group: Row[], k: number): number => {
      const positives = group.filter(({ label }) => label === 1);
      const chance = ({ score }: Row) => {
        const above = group.filter((other) => other.score > score).length;
        const tied = group.filter((other) => other.score === score).length;
        return Math.min(1, Math.max(0, (k - above) / tied));
      };
      return positives.reduce((sum, each) => sum + chance(each), 0) / positives.length;
    };
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 8 }), (sample, k) => {
        const groups = byGroup(sample).filter((group) => group.some(({ label }) => label === 1));
        const expected = groups.reduce((sum, group) => sum + recall(group, k), 0) / groups.length;
        const result = evaluated(sample, [k]).recallAt?.[k];
        if (groups.length === 0) expect(result?.defined).toBe(false);
        else expect(value(result)).toBeCloseTo(expected, 12);
      }),
    );
  });

  it("of one group by hand", () => {
    const sample = [
      { score: 5, label: 1 },
      { score: 4, label: 0 },
      { score: 3, label: 1 },
      { score: 2, label: 1 },
    ].map((each) => ({ ...each, weight: 1, group: 0 }));
    const { recallAt } = evaluated(sample, [1, 2, 3, 9]);
    expect([1, 2, 3, 9].map((k) => value(recallAt?.[k]))).toEqual([1 / 3, 1 / 3, 2 / 3, 1]);
  });
});

describe("accuracy and mean errors", () => {
  it("equal their definitions", () => {
    fc.assert(
      fc.property(rows, (sample) => {
        const total = sample.reduce((sum, { weight }) => sum + weight, 0);
        const mean = (of: (each: Row, p: number) => number) =>
          sample.reduce((sum, each) => sum + each.weight * of(each, 1 / (1 + Math.exp(-each.score))), 0) /
          total;
        const { accuracy, meanAbsoluteError, meanSquaredError } = evaluated(sample);
        expect(value(accuracy)).toBeCloseTo(
          mean(({ label }, p) => (p > 0.5 === (label === 1) ? 1 : 0)),
          12,
        );
        expect(value(meanAbsoluteError)).toBeCloseTo(
          mean(({ label }, p) => Math.abs(p - label)),
          12,
        );
        expect(value(meanSquaredError)).toBeCloseTo(
          mean(({ label }, p) => (p - label) ** 2),
          12,
        );
      }),
    );
  });
});

describe("XAUC", () => {
  const numbers = fc.array(
    fc.record({
      score: fc.constantFrom(-2, -1, 0, 0.5, 3),
      label: fc.constantFrom(-7, 0, 0.5, 2, 100),
      weight: fc.integer({ min: 1, max: 3 }),
      group: fc.constant(0),
    }),
    { minLength: 1, maxLength: 40 },
  );

  it("equals the count over all pairs with different labels", () => {
    fc.assert(
      fc.property(numbers, (sample) => {
        let [right, all] = [0, 0];
        for (const a of sample) {
          for (const b of sample.filter(({ label }) => label < a.label)) {
            all += a.weight * b.weight;
            right += a.weight * b.weight * (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0);
          }
        }
        const result = xauc(column(sample, "score"), column(sample, "label"), column(sample, "weight"));
        if (all === 0) expect(result.defined).toBe(false);
        else expect(value(result)).toBeCloseTo(right / all, 12);
      }),
    );
  });

  it("is the AUC for binary labels", () => {
    fc.assert(
      fc.property(rows, (sample) => {
        const operands = [
          column(sample, "score"),
          column(sample, "label"),
          column(sample, "weight"),
        ] as const;
        const [general, binary] = [xauc(...operands), auc(...operands)];
        expect(general.defined).toBe(binary.defined);
        if (binary.defined) expect(value(general)).toBeCloseTo(binary.value, 12);
      }),
    );
  });
});

describe("evaluateRegression", () => {
  it("measures the predictions as they are, and says why the metrics of probabilities are undefined", () => {
    const evaluation = evaluateRegression(Float32Array.of(1, 2, 5), Float32Array.of(2, 2, 1));
    expect(value(evaluation.meanAbsoluteError)).toBeCloseTo(5 / 3, 12);
    expect(value(evaluation.meanSquaredError)).toBeCloseTo(17 / 3, 12);
    expect(value(evaluation.meanPrediction)).toBeCloseTo(8 / 3, 12);
    expect(value(evaluation.xauc)).toBe(0);
    expect(evaluation.auc).toEqual({ defined: false, reason: expect.stringContaining("numbers") });
  });
});
