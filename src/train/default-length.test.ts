import { describe, expect, it } from "vitest";
import { defaultLengthText, withDefaultLength } from "./default-length.js";
import { type TrainInput, trainSchema } from "./train-config.js";

const of = (train: TrainInput, rows: number, hasValid = true) =>
  withDefaultLength(trainSchema.parse(train), { rows, hasValid });

describe("the default length of a training", () => {
  it("is one epoch with many rows, and the rates fall to 0", () => {
    const { epochs, earlyStopping, optimizer } = of({}, 1_000_000);
    expect([epochs, earlyStopping]).toEqual([1, undefined]);
    const to = { kind: "cosine", to: "end", minLearningRate: 0, by: "step" };
    expect([optimizer.dense.schedule, optimizer.embedding.schedule]).toEqual([to, to]);
  });

  it("is early stopping with fewer rows, by the metric that selects the checkpoint", () => {
    const { epochs, earlyStopping, optimizer } = of({ metric: "logLoss" }, 999_999);
    expect(epochs).toBe(30);
    expect(earlyStopping).toEqual({ metric: "logLoss", patience: 3, minDelta: 0 });
    expect(optimizer.dense.schedule).toBeUndefined();
  });

  it("is a few epochs with fewer rows and no validation split", () => {
    const { epochs, earlyStopping } = of({}, 10_000, false);
    expect([epochs, earlyStopping]).toEqual([5, undefined]);
  });

  it("is never put in place of settings", () => {
    for (const rows of [100, 5_000_000])
      for (const train of [{ epochs: 4 }, { steps: 70 }, { epochs: 2, earlyStopping: { patience: 1 } }])
        expect(of(train, rows)).toEqual(trainSchema.parse(train));
    expect(of({ earlyStopping: { patience: 9 } }, 100).earlyStopping?.patience).toBe(9);
    const schedule = { kind: "constant" } as const;
    const override = { pattern: "a", dense: { kind: "adam" } } as const;
    const { optimizer } = of({ optimizer: { dense: { kind: "sgd", schedule }, overrides: [override] } }, 2e6);
    expect(optimizer.dense.schedule?.kind).toBe("constant");
    expect(optimizer.embedding.schedule?.kind).toBe("cosine");
    expect(optimizer.overrides[0].dense?.schedule?.kind).toBe("cosine");
  });

  it("does not change when it is applied twice", () => {
    for (const rows of [100, 5_000_000])
      for (const hasValid of [true, false]) {
        const once = of({}, rows, hasValid);
        expect(withDefaultLength(once, { rows, hasValid })).toEqual(once);
      }
  });

  it("is told in words, unless the config sets it", () => {
    const text = (train: TrainInput, rows: number, hasValid: boolean) =>
      defaultLengthText(trainSchema.parse(train), { rows, hasValid });
    expect(text({}, 2_546_608, true)).toMatch(/^1 epoch, because 2,546,608 training rows/);
    expect(text({}, 9_000, true)).toMatch(/^until valid auc has not improved 3 times, at most 30 epochs/);
    expect(text({}, 9_000, false)).toMatch(/^5 epochs, because 9,000/);
    expect(text({ steps: 1 }, 9_000, false)).toBeUndefined();
  });
});
