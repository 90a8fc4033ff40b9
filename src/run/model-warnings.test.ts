import { expect, it } from "vitest";
import { evaluateBinary, evaluateRegression, evaluationOf } from "../metrics/index.js";
import { BASE_RATE, LOGISTIC_REGRESSION, modelWarnings } from "./model-warnings.js";

const LABELS = Float32Array.of(0, 0, 0, 1, 0, 1, 1, 0);
const of = (logits: readonly number[]) => evaluateBinary(Float32Array.from(logits), LABELS);
const constant = (logit: number) => of(new Array(LABELS.length).fill(logit));
const good = of([-2, -2, -2, 2, -2, 2, 2, -2]);
/** The right order, with probabilities that are much too high. */
const tooHigh = of([6, 6, 6, 9, 6, 9, 9, 6]);
const wrong = of([2, 2, 2, -2, 2, -2, -2, 2]);
const rate = { name: BASE_RATE, evaluation: constant(Math.log(3 / 5)) };
const simple = { name: LOGISTIC_REGRESSION, evaluation: of([-1, -1, 1, 1, -1, 1, 1, -1]) };

it("is silent about a model that is better than both baselines, and without baselines", () => {
  expect(modelWarnings([{ name: "fm", evaluation: good }, simple, rate])).toEqual([]);
  expect(modelWarnings([{ name: "fm", evaluation: wrong }])).toEqual([]);
  expect(modelWarnings([])).toEqual([]);
});

it("says that a model is worse than a constant, with the figures, and what to try", () => {
  const [warning, ...more] = modelWarnings([{ name: "fm", evaluation: wrong }, rate]);
  expect(more).toEqual([]);
  expect(warning).toMatch(
    /^fm predicts no better than a constant, .*: log loss 2\.12693 against 0\.66156\. Check that the features/,
  );
});

it("tells too extreme probabilities from a model that has learnt nothing", () => {
  const [warning] = modelWarnings([{ name: "fm", evaluation: tooHigh }, rate]);
  expect(warning).toContain("It orders the rows, but its probabilities are too extreme");
});

it("counts a model that predicts the base rate itself as no better", () => {
  expect(modelWarnings([{ name: "fm", evaluation: rate.evaluation }, rate])).toHaveLength(1);
});

it("says that a model is no better than logistic regression", () => {
  const warnings = modelWarnings([{ name: "fm", evaluation: wrong }, simple, rate]);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(
    /^fm is no better than logistic regression on the same features: AUC 0\.0000 against 0\.9\d+\. .*logisticRegression"\.$/,
  );
});

it("compares numbers by their squared error", () => {
  const values = Float32Array.of(1, 2, 3);
  const mean = { name: BASE_RATE, evaluation: evaluateRegression(Float32Array.of(2, 2, 2), values) };
  const far = { name: "mlp", evaluation: evaluateRegression(Float32Array.of(3, 2, 1), values) };
  const near = { name: "mlp", evaluation: evaluateRegression(Float32Array.of(1, 2, 2.5), values) };
  expect(modelWarnings([far, mean])[0]).toContain("mean squared error 2.66667 against 0.66667");
  expect(modelWarnings([near, mean])).toEqual([]);
});

it("names the label where a model has several", () => {
  const both = (click: typeof good, buy: typeof good) =>
    evaluationOf(
      new Map([
        ["click", click],
        ["buy", buy],
      ]),
    );
  const warnings = modelWarnings([
    { name: "fm", evaluation: both(good, wrong) },
    { name: BASE_RATE, evaluation: both(rate.evaluation, rate.evaluation) },
  ]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^fm \(buy\) predicts no better/);
});
