import { expect, it } from "vitest";
import { CallPacer } from "./call-pacer.js";

/** Calls of a machine that takes `seconds` for every step. */
function stepsOfCalls(calls: number, seconds: number): number[] {
  const pacer = new CallPacer();
  return Array.from({ length: calls }, () => {
    const { steps } = pacer;
    pacer.observe(steps, steps * seconds);
    return steps;
  });
}

it("takes steps for a quarter of a second, after growing at most fourfold at a time", () => {
  expect(stepsOfCalls(5, 0.001)).toEqual([4, 16, 64, 250, 250]);
});

it("shrinks at once where steps take long, and takes one step at least", () => {
  expect(stepsOfCalls(3, 0.125)).toEqual([4, 2, 2]);
  expect(stepsOfCalls(3, 20)).toEqual([4, 1, 1]);
});

it("scales the steps that a call took, which may be fewer than it was to take", () => {
  const pacer = new CallPacer();
  pacer.observe(4, 0.01);
  pacer.observe(1, 0.01);
  expect(pacer.steps).toBe(25);
});

it("does not divide by the time of a call that took none", () => {
  const pacer = new CallPacer();
  for (let call = 0; call < 20; call++) pacer.observe(pacer.steps, 0);
  expect(Number.isSafeInteger(pacer.steps)).toBe(true);
});
