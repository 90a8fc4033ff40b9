import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type EarlyStoppingInput,
  earlyStoppingSchema,
  earlyStoppingStateSchema,
  initialEarlyStoppingState,
  observeEvaluation,
  shouldStop,
} from "./early-stopping.js";
import {
  initialScheduleState,
  learningRate,
  observeMetric,
  type ScheduleInput,
  scheduleMetric,
  scheduleSchema,
  scheduleStateSchema,
} from "./schedules.js";

const schedule = (input: ScheduleInput) => scheduleSchema.parse(input);
const rates = (input: ScheduleInput, steps: number[]) =>
  steps.map((step) => learningRate(schedule(input), 0.1, step, initialScheduleState));

/** Learning rates after each of some evaluations. */
function ratesAfter(input: ScheduleInput, values: number[], base = 1): number[] {
  const parsed = schedule(input);
  let state = initialScheduleState;
  return values.map((value) => {
    state = observeMetric(parsed, scheduleStateSchema.parse(JSON.parse(JSON.stringify(state))), value);
    return learningRate(parsed, base, 0, state);
  });
}

describe("learningRate", () => {
  it("constant stays", () => {
    expect(rates({ kind: "constant" }, [0, 1, 1e9])).toEqual([0.1, 0.1, 0.1]);
  });

  it("exponential shrinks by the rate every so many steps, smoothly", () => {
    const [first, middle, last] = rates({ kind: "exponential", rate: 0.25, steps: 100 }, [0, 50, 200]);
    expect(first).toBe(0.1);
    expect(middle).toBeCloseTo(0.05, 12);
    expect(last).toBeCloseTo(0.1 / 16, 12);
  });

  it("exponential in stairs holds in between", () => {
    const stairs = rates(
      { kind: "exponential", rate: 0.5, steps: 100, staircase: true },
      [0, 99, 100, 199, 200],
    );
    expect(stairs).toEqual([0.1, 0.1, 0.05, 0.05, 0.025]);
  });

  it("refuses unknown keys and rates that grow", () => {
    expect(scheduleSchema.safeParse({ kind: "constant", rate: 1 }).success).toBe(false);
    expect(scheduleSchema.safeParse({ kind: "exponential", rate: 1.1, steps: 1 }).success).toBe(false);
    expect(scheduleSchema.safeParse({ kind: "reduceOnPlateau", factor: 1 }).success).toBe(false);
  });
});

describe("reduceOnPlateau", () => {
  it("lowers the rate after `patience` evaluations without improvement, and counts anew", () => {
    const auc = [0.7, 0.7, 0.69, 0.71, 0.7, 0.7, 0.7, 0.7];
    expect(ratesAfter({ kind: "reduceOnPlateau", factor: 0.5, patience: 2 }, auc)).toEqual([
      1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125,
    ]);
  });

  it("follows a loss downwards and asks for more than minDelta", () => {
    const input: ScheduleInput = { kind: "reduceOnPlateau", metric: "logLoss", factor: 0.5, minDelta: 0.01 };
    expect(ratesAfter(input, [0.5, 0.495, 0.48])).toEqual([1, 0.5, 0.5]);
    expect(scheduleMetric(schedule(input))).toBe("logLoss");
    expect(scheduleMetric(schedule({ kind: "constant" }))).toBeUndefined();
  });

  it("never goes below the minimum, nor above a base that is lower still", () => {
    const worse = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(worse, fc.double({ min: 1e-4, max: 1, noNaN: true }), (values, base) => {
        const after = ratesAfter({ kind: "reduceOnPlateau", minLearningRate: 0.01 }, values, base);
        for (const rate of after) {
          expect(rate).toBeGreaterThanOrEqual(Math.min(base, 0.01));
          expect(rate).toBeLessThanOrEqual(base);
        }
        // It lowers, never raises.
        expect([...after].sort((a, b) => b - a)).toEqual(after);
      }),
    );
  });
});

describe("early stopping", () => {
  /** The step (from 1) at which training stops, or null. */
  function stopsAt(input: EarlyStoppingInput, values: number[]): number | null {
    const config = earlyStoppingSchema.parse(input);
    let state = initialEarlyStoppingState;
    for (const [index, value] of values.entries()) {
      const restored = earlyStoppingStateSchema.parse(JSON.parse(JSON.stringify(state)));
      state = observeEvaluation(config, restored, index + 1, value);
      if (shouldStop(config, state)) return index + 1;
    }
    return null;
  }

  it("stops after `patience` evaluations without improvement", () => {
    expect(stopsAt({ patience: 2 }, [0.7, 0.8, 0.79, 0.8, 0.9])).toBe(4);
    expect(stopsAt({ patience: 3 }, [0.7, 0.8, 0.79, 0.8, 0.9])).toBeNull();
    expect(stopsAt({ metric: "logLoss", patience: 1 }, [0.5, 0.4, 0.41])).toBe(3);
    expect(stopsAt({ patience: 1, minDelta: 0.05 }, [0.7, 0.74])).toBe(2);
  });

  it("remembers where the best was", () => {
    const config = earlyStoppingSchema.parse({});
    const best = observeEvaluation(config, initialEarlyStoppingState, 10, 0.8);
    expect(observeEvaluation(config, best, 20, 0.7)).toEqual({ best: 0.8, bestStep: 10, stale: 1 });
  });
});
