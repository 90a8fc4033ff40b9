import { describe, expect, it } from "vitest";
import { OverlapChoice } from "./overlap-choice.js";

/** Calls of 0.1 s until the choice does not change for as long as it takes to try both ways. */
function choose(
  callOf: (overlaps: boolean, i: number) => { steps: number; exchanging: number },
): OverlapChoice {
  const choice = new OverlapChoice();
  for (let i = 0; i < 100; i++) choice.observe({ seconds: 0.1, ...callOf(choice.overlaps, i) });
  return choice;
}

describe("OverlapChoice", () => {
  it("does not try to overlap where exchanges take little time", () => {
    const tried: boolean[] = [];
    choose((overlaps) => {
      tried.push(overlaps);
      return { steps: 10, exchanging: 0.005 };
    });
    expect(tried).not.toContain(true);
  });

  it("keeps what takes less time for a step", () => {
    const slower = choose((overlaps) => ({ steps: overlaps ? 9 : 10, exchanging: 0.02 }));
    const faster = choose((overlaps) => ({ steps: overlaps ? 11 : 10, exchanging: 0.02 }));
    expect([slower.overlaps, faster.overlaps]).toEqual([false, true]);
  });

  it("compares medians after warming up, so that few slow calls do not count", () => {
    const choice = choose((overlaps, i) => ({
      steps: (overlaps ? 11 : 10) / (i % 4 === 0 ? 20 : 1),
      exchanging: 0.02,
    }));
    expect(choice.overlaps).toBe(true);
  });

  it("tries for a second at least", () => {
    const choice = new OverlapChoice();
    const call = { steps: 1, seconds: 0.01, exchanging: 0.005 };
    for (let i = 0; i < 101; i++) choice.observe(call);
    expect(choice.overlaps).toBe(false);
    choice.observe(call);
    expect(choice.overlaps).toBe(true);
  });
});
