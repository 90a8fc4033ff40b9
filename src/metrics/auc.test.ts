import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auc } from "./auc.js";
import { MetricError } from "./metric.js";
import { sortedOrder } from "./sorted-order.js";
import { StreamingAuc } from "./streaming-auc.js";

const rowOf = (score: fc.Arbitrary<number>) =>
  fc.record({ score, label: fc.constantFrom(0, 1), weight: fc.integer({ min: 0, max: 5 }) });
/** Few distinct scores, so that ties are the rule. */
const tiedRows = fc.array(rowOf(fc.constantFrom(-2, -1, -0, 0, 0.5, 1e-40, 3)), { maxLength: 60 });
const spreadRows = fc.array(rowOf(fc.float({ noNaN: true })), { maxLength: 60 });

type Row = { score: number; label: number; weight: number };
const column = (rows: Row[], key: keyof Row) => Float32Array.from(rows, (row) => row[key]);

/** The definition: over all pairs of a positive and a negative. */
function bruteForce(rows: Row[], weighted: boolean): number {
  let right = 0;
  let all = 0;
  for (const p of rows.filter((row) => row.label === 1)) {
    for (const n of rows.filter((row) => row.label === 0)) {
      const weight = weighted ? p.weight * n.weight : 1;
      const [a, b] = [Math.fround(p.score), Math.fround(n.score)];
      all += weight;
      right += weight * (a > b ? 1 : a === b ? 0.5 : 0);
    }
  }
  return right / all;
}

describe("auc", () => {
  it("equals the count over all pairs, with and without weights", () => {
    fc.assert(
      fc.property(fc.oneof(tiedRows, spreadRows), fc.boolean(), (rows, weighted) => {
        const weights = weighted ? column(rows, "weight") : undefined;
        const result = auc(column(rows, "score"), column(rows, "label"), weights);
        const expected = bruteForce(rows, weighted);
        if (Number.isNaN(expected)) expect(result.defined).toBe(false);
        else expect(result).toEqual({ defined: true, value: expect.closeTo(expected, 12) });
      }),
    );
  });

  it("says why it is undefined", () => {
    const scores = Float32Array.of(1, 2);
    expect(auc(scores, Float32Array.of(1, 1))).toEqual({ defined: false, reason: "all labels are 1" });
    expect(auc(scores, Float32Array.of(0, 0))).toEqual({ defined: false, reason: "all labels are 0" });
    expect(auc(scores, Float32Array.of(0, 1), Float32Array.of(0, 0))).toEqual({
      defined: false,
      reason: "no rows with weight",
    });
  });

  it("refuses NaN scores, labels that are not binary, bad weights and unequal lengths", () => {
    const labels = Float32Array.of(0, 1);
    expect(() => auc(Float32Array.of(1, Number.NaN), labels)).toThrow(/scores\[1\][\s\S]*diverged/);
    expect(() => auc(labels, Float32Array.of(0, 0.5))).toThrow(/labels\[1\]/);
    expect(() => auc(labels, labels, Float32Array.of(-1, 1))).toThrow(/weights\[0\]/);
    expect(() => auc(labels, Float32Array.of(1))).toThrow(MetricError);
  });

  it("is exact at a million rows", () => {
    // Scores 0..n-1 shuffled by a multiplicative permutation; the label is the score's parity:
    // each odd score beats the (score + 1) / 2 even ones below it.
    const rows = 1 << 20;
    const scores = Float32Array.from({ length: rows }, (_, i) => (i * 48271) % rows);
    const half = rows / 2;
    const expected = (half * (half + 1)) / 2 / (half * half);
    const result = auc(
      scores,
      scores.map((score) => score % 2),
    );
    expect(result).toEqual({ defined: true, value: expected });
  });
});

describe("sortedOrder", () => {
  it("is a stable permutation in ascending order, infinities and subnormals included", () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true })), (values) => {
        const scores = Float32Array.from(values);
        const expected = [...scores.keys()].sort((a, b) => scores[a] - scores[b] || a - b);
        // Infinity minus itself is NaN, which `||` takes for a tie, as it is.
        expect([...sortedOrder(scores)]).toEqual(expected);
      }),
    );
  });
});

describe("StreamingAuc", () => {
  it("lies within its own error bound of the exact value, over any batching", () => {
    fc.assert(
      fc.property(fc.oneof(tiedRows, spreadRows), fc.nat(60), (rows, cut) => {
        const stream = new StreamingAuc();
        for (const part of [rows.slice(0, cut), rows.slice(cut)]) {
          stream.add(column(part, "score"), column(part, "label"), column(part, "weight"));
        }
        const exact = auc(column(rows, "score"), column(rows, "label"), column(rows, "weight"));
        const streamed = stream.result();
        expect(streamed.defined).toBe(exact.defined);
        if (!exact.defined || !streamed.defined) return;
        expect(Math.abs(streamed.value - exact.value)).toBeLessThanOrEqual(stream.errorBound() + 1e-12);
      }),
    );
  });

  it("forgets by half-lives: a row that came n half-lives ago weighs 2^-n", () => {
    const stream = new StreamingAuc(2);
    stream.add(Float32Array.of(1, -1), Float32Array.of(1, 0));
    stream.add(Float32Array.of(2, -2), Float32Array.of(0, 1));
    const scores = Float32Array.of(1, -1, 2, -2);
    const labels = Float32Array.of(1, 0, 0, 1);
    expect(stream.result()).toEqual(auc(scores, labels, Float32Array.of(0.5, 0.5, 1, 1)));
  });

  it("starts over after a reset", () => {
    const stream = new StreamingAuc();
    stream.add(Float32Array.of(1, -1), Float32Array.of(0, 1));
    stream.reset();
    stream.add(Float32Array.of(1, -1), Float32Array.of(1, 0));
    expect(stream.result()).toEqual({ defined: true, value: 1 });
  });
});
