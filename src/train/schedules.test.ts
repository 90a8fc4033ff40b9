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
  untilEnd,
} from "./schedules.js";

const schedule = (input: ScheduleInput) => scheduleSchema.parse(input);
const rates = (input: ScheduleInput, steps: number[]) =>
  steps.map((step) => learningRate(schedule(input), 0.1, { step, epoch: 0 }, initialScheduleState));
/** With a million steps in an epoch: steps must not count. */
const ratesByEpoch = (input: ScheduleInput, epochs: number[]) =>
  epochs.map((epoch) =>
    learningRate(schedule(input), 0.1, { step: epoch * 1e6, epoch }, initialScheduleState),
  );

/** Learning rates after each of some evaluations. */
function ratesAfter(input: ScheduleInput, values: number[], base = 1): number[] {
  const parsed = schedule(input);
  let state = initialScheduleState;
  return values.map((value) => {
    state = observeMetric(parsed, scheduleStateSchema.parse(JSON.parse(JSON.stringify(state))), value);
    return learningRate(parsed, base, { step: 0, epoch: 0 }, state);
  });
}

describe("learningRate", () => {
  it("constant stays", () => {
    expect(rates({ kind: "constant" }, [0, 1, 1e9])).toEqual([0.1, 0.1, 0.1]);
  });

  it("linear falls along a straight line to its minimum and stays there", () => {
    const falling = rates({ kind: "linear", steps: 100, minLearningRate: 0.02 }, [0, 25, 50, 100, 1000]);
    [0.1, 0.08, 0.06, 0.02, 0.02].forEach((rate, i) => {
      expect(falling[i]).toBeCloseTo(rate, 12);
    });
  });

  it("exponential shrinks by the rate over each `steps` steps, smoothly", () => {
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

  it("exponential never falls below its minimum", () => {
    const input: ScheduleInput = { kind: "exponential", rate: 0.1, steps: 1, minLearningRate: 0.02 };
    expect(rates(input, [0, 1, 2])).toEqual([0.1, 0.02, 0.02]);
  });

  it("manual takes the rate of the last boundary passed", () => {
    const input: ScheduleInput = { kind: "manual", boundaries: [10, 20], learningRates: [0.05, 0.2] };
    expect(rates(input, [0, 9, 10, 19, 20, 999])).toEqual([0.1, 0.1, 0.05, 0.05, 0.2, 0.2]);
  });

  it("cosine falls to the minimum and stays there", () => {
    // PyTorch 2: torch.optim.lr_scheduler.CosineAnnealingLR(T_max=10, eta_min=0.01) of a rate of 0.1.
    const expected = [0.1, 0.0977975, 0.0914058, 0.0814503, 0.0689058, 0.055];
    const input: ScheduleInput = { kind: "cosine", steps: 10, minLearningRate: 0.01 };
    rates(input, [0, 1, 2, 3, 4, 5]).forEach((rate, i) => {
      expect(rate).toBeCloseTo(expected[i], 6);
    });
    for (const rate of rates(input, [10, 11, 1000])) expect(rate).toBeCloseTo(0.01, 12);
  });

  it("cosine with restarts begins again, with longer periods", () => {
    // Periods [0, 4), [4, 12), [12, 28): at their starts the base rate, in their middles half of it.
    const input: ScheduleInput = { kind: "cosineRestarts", steps: 4, growth: 2 };
    const expected = [0.1, 0.05, 0.1, 0.05, 0.1, 0.05, 0.1];
    rates(input, [0, 2, 4, 8, 12, 20, 28]).forEach((rate, i) => {
      expect(rate).toBeCloseTo(expected[i], 12);
    });
    const equal: ScheduleInput = { kind: "cosineRestarts", steps: 4 };
    rates(equal, [1, 5, 401]).forEach((rate) => {
      expect(rate).toBeCloseTo((0.1 * (1 + Math.SQRT1_2)) / 2, 12);
    });
  });

  it("warms up in a straight line, and then every schedule begins", () => {
    const warmup = { length: 4, from: 0.02 };
    const constant = rates({ kind: "constant", warmup }, [0, 1, 2, 3, 4, 5]);
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1].forEach((rate, i) => {
      expect(constant[i]).toBeCloseTo(rate, 12);
    });
    const any: ScheduleInput[] = [
      { kind: "exponential", rate: 0.5, steps: 7 },
      { kind: "manual", boundaries: [3], learningRates: [0.05] },
      { kind: "cosine", steps: 9 },
      { kind: "cosineRestarts", steps: 5 },
    ];
    const steps = [0, 1, 2, 3, 8, 30];
    for (const input of any) {
      const later = steps.map((step) => step + 4);
      expect(rates({ ...input, warmup }, later)).toEqual(rates(input, steps));
    }
  });

  it("counts epochs where it is told to", () => {
    const input: ScheduleInput = { kind: "manual", by: "epoch", boundaries: [2], learningRates: [0.01] };
    expect(ratesByEpoch(input, [0, 1, 2, 3])).toEqual([0.1, 0.1, 0.01, 0.01]);
    const warmed: ScheduleInput = { kind: "constant", by: "epoch", warmup: { length: 2 } };
    expect(ratesByEpoch(warmed, [0, 1, 2])).toEqual([0, 0.05, 0.1]);
  });

  it("refuses unknown keys and rates that grow", () => {
    expect(scheduleSchema.safeParse({ kind: "constant", rate: 1 }).success).toBe(false);
    expect(scheduleSchema.safeParse({ kind: "exponential", rate: 1.1, steps: 1 }).success).toBe(false);
    expect(scheduleSchema.safeParse({ kind: "reduceOnPlateau", factor: 1 }).success).toBe(false);
    const manual = (boundaries: number[]) => ({ kind: "manual", boundaries, learningRates: [1, 2] });
    expect(scheduleSchema.safeParse(manual([5, 5])).success).toBe(false);
    expect(scheduleSchema.safeParse(manual([5])).success).toBe(false);
    expect(scheduleSchema.safeParse(manual([5, 6])).success).toBe(true);
  });
});

describe("reduceOnPlateau", () => {
  it("lowers the rate after `patience` evaluations without improvement, and then counts from zero", () => {
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

describe('to: "end"', () => {
  const length = { steps: 1000, epochs: 10 };

  it("is the length of the training, less the warm-up, in the unit of the schedule", () => {
    const steps = (more: object) =>
      untilEnd(schedule({ kind: "cosine", to: "end", ...more }), length) as { steps?: number };
    expect(steps({}).steps).toBe(1000);
    expect(steps({ by: "epoch" }).steps).toBe(10);
    expect(steps({ warmup: { length: 100 } }).steps).toBe(900);
    expect(steps({ warmup: { length: 4000 } }).steps).toBe(1);
  });

  it("gives the rates of the same decay with a length", () => {
    for (const kind of ["cosine", "linear"] as const) {
      const ended = untilEnd(schedule({ kind, to: "end", minLearningRate: 0.01 }), length);
      expect(ended).toEqual(schedule({ kind, steps: 1000, minLearningRate: 0.01 }));
    }
  });

  it("leaves other schedules as they are", () => {
    for (const input of [{ kind: "constant" }, { kind: "cosine", steps: 7 }] as ScheduleInput[])
      expect(untilEnd(schedule(input), length)).toEqual(schedule(input));
  });

  it("is given instead of steps, not beside them", () => {
    for (const wrong of [{}, { steps: 10, to: "end" }])
      expect(scheduleSchema.safeParse({ kind: "cosine", ...wrong }).error?.issues[0].message).toMatch(
        /either steps, or to: "end"/,
      );
  });
});
