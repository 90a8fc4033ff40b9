import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auc } from "./auc.js";
import { baseRate, baseRateLogLoss, binaryEntropy } from "./base-rate.js";
import { calibration } from "./calibration.js";
import { evaluateBinary } from "./evaluate-binary.js";
import { logLoss } from "./log-loss.js";
import { formatMetric, isBetter, type MetricResult } from "./metric.js";
import { normalizedEntropy } from "./normalized-entropy.js";

const value = (result: MetricResult) => (result.defined ? result.value : Number.NaN);
const rows = fc.array(
  fc.record({
    logit: fc.float({ min: -12, max: 12, noNaN: true }),
    label: fc.constantFrom(0, 1),
    weight: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 50 },
);

describe("evaluateBinary", () => {
  it("equals the textbook formulas on probabilities", () => {
    fc.assert(
      fc.property(rows, (sample) => {
        const logits = Float32Array.from(sample, (row) => row.logit);
        const labels = Float32Array.from(sample, (row) => row.label);
        const weights = Float32Array.from(sample, (row) => row.weight);
        // Weight k is the row written k times.
        const repeated = sample.flatMap((row) => Array.from({ length: row.weight }, () => row));
        const p = repeated.map((row) => 1 / (1 + Math.exp(-row.logit)));
        const loss = repeated.map((row, i) => -Math.log(row.label ? p[i] : 1 - p[i]));
        const mean = (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
        const rate = mean(repeated.map((row) => row.label));

        const evaluation = evaluateBinary(logits, labels, weights);
        expect(value(evaluation.logLoss)).toBeCloseTo(mean(loss), 8);
        expect(value(evaluation.meanPrediction)).toBeCloseTo(mean(p), 10);
        expect(value(evaluation.baseRate)).toBeCloseTo(rate, 12);
        if (rate > 0) expect(value(evaluation.calibration)).toBeCloseTo(mean(p) / rate, 8);
        if (rate > 0 && rate < 1) {
          const entropy = -rate * Math.log(rate) - (1 - rate) * Math.log(1 - rate);
          expect(value(evaluation.normalizedEntropy)).toBeCloseTo(mean(loss) / entropy, 8);
        }
        expect(evaluation.auc).toEqual(auc(logits, labels, weights));
        expect(evaluation.logLoss).toEqual(logLoss(logits, labels, weights));
        expect(evaluation.normalizedEntropy).toEqual(normalizedEntropy(logits, labels, weights));
        expect(evaluation.calibration).toEqual(calibration(logits, labels, weights));
      }),
    );
  });

  it("takes infinite logits for certainty, and rows of weight 0 for nothing", () => {
    const logits = Float32Array.of(Infinity, -Infinity, Infinity, 0, -Infinity);
    const labels = Float32Array.of(1, 0, -0, 1, 1);
    const evaluation = evaluateBinary(logits, labels, Float32Array.of(1, 1, 1, 1, 0));
    expect(value(evaluation.meanPrediction)).toBe((1 + 0 + 1 + 0.5) / 4);
    expect(value(evaluation.meanAbsoluteError)).toBe((0 + 0 + 1 + 0.5) / 4);
    expect(value(evaluation.meanSquaredError)).toBe((0 + 0 + 1 + 0.25) / 4);
    expect(value(evaluation.calibration)).toBe(2.5 / 2);
    expect(value(evaluation.accuracy)).toBe(2 / 4);
  });

  it("is exact where sigmoid rounds to 0 or 1", () => {
    const labels = Float32Array.of(1, 0);
    expect(value(logLoss(Float32Array.of(-200, 200), labels))).toBe(200);
    expect(value(logLoss(Float32Array.of(50, -50), labels))).toBeCloseTo(Math.exp(-50), 30);
    expect(value(logLoss(Float32Array.of(Infinity, -Infinity), labels))).toBe(0);
    expect(value(logLoss(Float32Array.of(-Infinity, 0), labels))).toBe(Infinity);
  });

  it("says why a metric is undefined", () => {
    const none = evaluateBinary(new Float32Array(), new Float32Array());
    expect(none.logLoss).toEqual({ defined: false, reason: "no rows with weight" });
    const zeros = evaluateBinary(Float32Array.of(0, 1), Float32Array.of(0, 0));
    expect(zeros.calibration).toEqual({ defined: false, reason: "all labels are 0" });
    expect(zeros.normalizedEntropy).toEqual({ defined: false, reason: "all labels are 0" });
    expect(formatMetric(zeros.auc)).toBe("undefined (all labels are 0)");
    expect(formatMetric(zeros.baseRate)).toBe("0.00000");
  });
});

describe("base rate", () => {
  it("as a baseline costs the cross entropy of the two rates", () => {
    const labels = Float32Array.of(1, 0, 0, 0);
    expect(baseRate(labels)).toEqual({ defined: true, value: 0.25 });
    expect(value(baseRateLogLoss(0.5, labels))).toBeCloseTo(Math.LN2, 12);
    expect(value(baseRateLogLoss(0.25, labels))).toBeCloseTo(binaryEntropy(0.25), 12);
    expect(value(baseRateLogLoss(0.1, labels))).toBeCloseTo(-(Math.log(0.1) + 3 * Math.log(0.9)) / 4, 12);
    expect(baseRateLogLoss(0, labels).defined).toBe(false);
    expect(baseRateLogLoss(0, Float32Array.of(0, 0))).toEqual({ defined: true, value: 0 });
  });
});

describe("isBetter", () => {
  it("follows the direction and the least improvement", () => {
    expect(isBetter(0.8, null, "max")).toBe(true);
    expect(isBetter(0.8, 0.8, "max")).toBe(false);
    expect(isBetter(0.81, 0.8, "max", 0.02)).toBe(false);
    expect(isBetter(0.4, 0.5, "min", 0.05)).toBe(true);
    expect(isBetter(Number.NaN, null, "min")).toBe(false);
  });
});
