import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auc } from "./auc.js";
import { evaluateBinary } from "./evaluate-binary.js";
import { evaluateClasses } from "./evaluate-classes.js";
import type { MetricResult } from "./metric.js";
import { MetricError } from "./metric.js";

const CLASSES = 4;
const value = (result?: MetricResult) => (result?.defined ? result.value : Number.NaN);

/** Few different logits, so that probabilities tie; some classes never occur. */
const row = fc.record({
  logits: fc.array(fc.constantFrom(-1, 0, 0.5, 2), { minLength: CLASSES, maxLength: CLASSES }),
  label: fc.integer({ min: 0, max: CLASSES - 1 }),
  weight: fc.integer({ min: 0, max: 3 }),
});
type Row = { logits: number[]; label: number; weight: number };
const rows = fc.array(row, { minLength: 1, maxLength: 40 });

function evaluated(sample: Row[]) {
  const logits = Float32Array.from(sample.flatMap((each) => each.logits));
  const labels = Float32Array.from(sample, ({ label }) => label);
  return evaluateClasses(
    logits,
    labels,
    CLASSES,
    Float32Array.from(sample, ({ weight }) => weight),
  );
}

const probability = ({ logits }: Row, c: number): number =>
  Math.fround(1 / logits.reduce((sum, z) => sum + Math.exp(z - logits[c]), 0));

const mean = (values: number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
const support = (sample: Row[], c: number) =>
  sample.reduce((sum, { label, weight }) => sum + (label === c ? weight : 0), 0);

/** The binary AUC of class c by its probability, among rows that `among` keeps. */
function classAuc(sample: Row[], c: number, among: (label: number) => boolean): number {
  const kept = sample.filter(({ label }) => among(label));
  const scores = Float32Array.from(kept, (each) => probability(each, c));
  const labels = Float32Array.from(kept, ({ label }) => (label === c ? 1 : 0));
  return value(
    auc(
      scores,
      labels,
      Float32Array.from(kept, ({ weight }) => weight),
    ),
  );
}

describe("AUC of several classes", () => {
  it("is the mean of the binary AUCs of each class and the rest, and of each pair", () => {
    fc.assert(
      fc.property(rows, (sample) => {
        const present = [0, 1, 2, 3].filter((c) => support(sample, c) > 0);
        const result = evaluated(sample);
        if (present.length < 2) return void expect(result.auc.defined).toBe(false);
        const rest = present.map((c) => classAuc(sample, c, () => true));
        expect(value(result.auc)).toBeCloseTo(mean(rest), 10);
        const shares = present.map((c) => support(sample, c));
        const total = shares.reduce((sum, share) => sum + share, 0);
        const weighted = rest.reduce((sum, each, i) => sum + (each * shares[i]) / total, 0);
        expect(value(result.weightedAuc)).toBeCloseTo(weighted, 10);
        const pairs = present.flatMap((i) =>
          present
            .filter((j) => j !== i)
            .map((j) => classAuc(sample, i, (label) => label === i || label === j)),
        );
        expect(value(result.pairwiseAuc)).toBeCloseTo(mean(pairs), 10);
      }),
    );
  });
});

describe("other metrics of several classes", () => {
  it("follow from their formulas", () => {
    fc.assert(
      fc.property(rows, (sample) => {
        const total = sample.reduce((sum, { weight }) => sum + weight, 0);
        const result = evaluated(sample);
        if (total === 0) return void expect(result.logLoss.defined).toBe(false);
        const over = (of: (each: Row) => number) =>
          sample.reduce((sum, each) => sum + each.weight * of(each), 0) / total;
        const loss = over(({ logits, label }) =>
          Math.log(logits.reduce((sum, z) => sum + Math.exp(z - logits[label]), 0)),
        );
        expect(value(result.logLoss)).toBeCloseTo(loss, 10);
        const right = over(({ logits, label }) => (logits.indexOf(Math.max(...logits)) === label ? 1 : 0));
        expect(value(result.accuracy)).toBeCloseTo(right, 10);
        const shares = [0, 1, 2, 3].map((c) => support(sample, c) / total).filter((share) => share > 0);
        const entropy = -shares.reduce((sum, share) => sum + share * Math.log(share), 0);
        if (shares.length > 1) expect(value(result.normalizedEntropy)).toBeCloseTo(loss / entropy, 8);
      }),
    );
  });

  it("refuse labels that are no class, and lengths that differ", () => {
    const logits = Float32Array.of(1, 2, 3, 4, 5, 6);
    for (const label of [-1, 3, 0.5, Number.NaN])
      expect(() => evaluateClasses(logits, Float32Array.of(0, label), 3)).toThrow(MetricError);
    expect(() => evaluateClasses(logits, Float32Array.of(0), 3)).toThrow("lengths differ");
  });
});

describe("metrics within groups", () => {
  it("of two classes are those of the probability of class 1", () => {
    const row = fc.record({
      z: fc.tuple(fc.constantFrom(-1, 0, 0.5), fc.constantFrom(-1, 0, 0.5)),
      label: fc.constantFrom(0, 1),
      weight: fc.integer({ min: 1, max: 4 }),
      group: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (sample) => {
        const logits = Float32Array.from(sample.flatMap(({ z }) => z));
        const binary = Float32Array.from(sample, ({ z: [no, yes] }) => yes - no);
        const labels = Float32Array.from(sample, ({ label }) => label);
        const weights = Float32Array.from(sample, ({ weight }) => weight);
        const groups = { of: Int32Array.from(sample, ({ group }) => group), recallAt: [1, 2] };
        const two = evaluateClasses(logits, labels, 2, weights, groups);
        const one = evaluateBinary(binary, labels, weights, groups);
        expect([two.groupedAuc, two.recallAt]).toEqual([one.groupedAuc, one.recallAt]);
      }),
    );
  });

  it("do not exist for three", () => {
    const groups = { of: Int32Array.of(1, 1), recallAt: [1] };
    const three = evaluateClasses(new Float32Array(6), Float32Array.of(0, 2), 3, undefined, groups);
    expect([three.groupedAuc, three.recallAt]).toEqual([undefined, undefined]);
  });
});
