import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BINARY, classification, REGRESSION } from "../train/task.js";
import { calibrationGroups, scoreHistogram } from "./calibration.js";
import { scorePoints } from "./score-points.js";

const points = (predicted: number[], actual: number[], weights?: number[]) => ({
  label: "y",
  predicted: Float32Array.from(predicted),
  actual: Float32Array.from(actual),
  weights: weights && Float32Array.from(weights),
  binary: true,
});

describe("calibrationGroups", () => {
  it("gives deciles: here two rows each, by hand", () => {
    const predicted = Array.from({ length: 20 }, (_, i) => ((i * 7) % 20) / 32); // 0, 1/32, …, 19/32 in some order
    const actual = predicted.map((p) => Number(p > 0.25));
    const groups = calibrationGroups(points(predicted, actual));
    expect(groups).toEqual(
      Array.from({ length: 10 }, (_, g) => ({
        rows: 2,
        predicted: (4 * g + 1) / 64, // of 2g/32 and (2g + 1)/32
        actual: g < 4 ? 0 : g === 4 ? 0.5 : 1, // above 8/32
      })),
    );
  });

  it("weighs rows: a row of weight 9 fills nine tenths", () => {
    const groups = calibrationGroups(points([0.25, 0.5], [0, 1], [9, 1]));
    expect(groups).toEqual([
      { rows: 1, predicted: 0.25, actual: 0 },
      { rows: 1, predicted: 0.5, actual: 1 },
    ]);
  });

  it("keeps equal predictions together, whatever the order of the rows", () => {
    const groups = calibrationGroups(
      points(
        new Array(50).fill(0.5),
        Array.from({ length: 50 }, (_, i) => i % 2),
      ),
    );
    expect(groups).toEqual([{ rows: 50, predicted: 0.5, actual: 0.5 }]);
  });

  it("has all rows, in order, and keeps the means", () => {
    const row = fc.record({
      p: fc.integer({ min: 0, max: 8 }),
      y: fc.nat(1),
      w: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (rows) => {
        const [p, y, w] = [rows.map((r) => r.p / 8), rows.map((r) => r.y), rows.map((r) => r.w)];
        const groups = calibrationGroups(points(p, y));
        expect(groups.length).toBeLessThanOrEqual(10);
        expect(groups.reduce((sum, group) => sum + group.rows, 0)).toBe(rows.length);
        const ascending = groups.map(({ predicted }) => predicted);
        expect(new Set(ascending).size).toBe(groups.length);
        expect(ascending).toEqual([...ascending].sort((a, b) => a - b));
        const positives = groups.reduce((sum, group) => sum + group.rows * group.actual, 0);
        expect(positives).toBeCloseTo(y.reduce((sum, value) => sum + value, 0));
        // Integer weights mean as many equal rows.
        const repeated = rows.flatMap((r) => new Array(r.w).fill(r) as typeof rows);
        const weighted = calibrationGroups(points(p, y, w)).map(({ predicted, actual }) => ({
          predicted,
          actual,
        }));
        const same = calibrationGroups(
          points(
            repeated.map((r) => r.p / 8),
            repeated.map((r) => r.y),
          ),
        );
        // Repeated rows are equal predictions, which one group keeps.
        expect(weighted).toEqual(
          same.map(({ predicted, actual }) => ({
            predicted: expect.closeTo(predicted, 10),
            actual: expect.closeTo(actual, 10),
          })),
        );
      }),
    );
  });
});

describe("scoreHistogram", () => {
  it("counts every row in the bin of its prediction", () => {
    const predicted = Array.from({ length: 48 }, (_, i) => i / 64);
    const { edges, rows, positives } = scoreHistogram(
      points(
        predicted,
        predicted.map((p) => Number(p < 0.25)),
      ),
    );
    expect(edges).toHaveLength(25);
    expect(edges[0]).toBe(0);
    expect(edges[24]).toBeCloseTo(47 / 64);
    rows.forEach((count, bin) => {
      const inBin = predicted.filter((p) => p >= edges[bin] && (p < edges[bin + 1] || bin === 23));
      expect(count).toBe(inBin.length);
      expect(positives![bin]).toBe(inBin.filter((p) => p < 0.25).length);
    });
  });

  it("has one bin for one value, and puts a few extreme rows into the last bins", () => {
    expect(scoreHistogram(points([0.5, 0.5], [0, 1]))).toEqual({
      edges: [0.5, 1.5],
      rows: [2],
      positives: [1],
    });
    const values = [...Array.from({ length: 999 }, (_, i) => i), 1e9];
    const { edges, rows } = scoreHistogram({ ...points(values, values), binary: false });
    expect(edges.at(-1)).toBeLessThan(1000);
    expect(rows.reduce((sum, count) => sum + count)).toBe(1000);
  });
});

describe("scorePoints", () => {
  const settings = (task: typeof BINARY, labels: string[]) => ({ task, labels, groups: undefined });

  it("has the probabilities of each label", () => {
    const [a, b] = scorePoints(
      Float32Array.of(0, Math.log(3), -Math.log(3), 0),
      { labels: Float32Array.of(0, 1, 1, 0) },
      settings(BINARY, ["a", "b"]),
    );
    expect(a).toMatchObject({
      label: "a",
      predicted: Float32Array.of(0.5, 0.25),
      actual: Float32Array.of(0, 1),
    });
    expect(b).toMatchObject({
      label: "b",
      predicted: Float32Array.of(0.75, 0.5),
      actual: Float32Array.of(1, 0),
    });
  });

  it("has the probability of the most probable class, and whether it is right", () => {
    const logits = Float32Array.of(0, Math.log(2), 0, Math.log(6), 0, 0);
    const [only] = scorePoints(logits, { labels: Float32Array.of(1, 2) }, settings(classification(3), ["y"]));
    expect([...only.predicted]).toEqual([expect.closeTo(0.5, 6), expect.closeTo(0.75, 6)]);
    expect([...only.actual]).toEqual([1, 0]);
  });

  it("has the numbers themselves", () => {
    const [only] = scorePoints(
      Float32Array.of(3, -2),
      { labels: Float32Array.of(4, 1) },
      settings(REGRESSION, ["y"]),
    );
    expect(only).toMatchObject({
      predicted: Float32Array.of(3, -2),
      actual: Float32Array.of(4, 1),
      binary: false,
    });
  });
});
