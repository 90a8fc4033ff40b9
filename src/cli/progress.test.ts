import { Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Progress } from "./progress.js";
import {
  formatCount,
  formatDuration,
  formatPlainLine,
  formatProgressLine,
  type ProgressState,
} from "./progress-line.js";
import { Rate, SmoothedMean } from "./smoothing.js";

const state: ProgressState = {
  label: "epoch 2/3",
  rows: 620_000,
  totalRows: 1_000_000,
  rowsPerSecond: 164_200,
  loss: 0.452_14,
  metrics: { auc: 0.791_23 },
};

describe("formatProgressLine", () => {
  it("shows everything in 79 columns, and more bar in more", () => {
    expect(formatProgressLine(state, 79)).toBe(
      "epoch 2/3  ━━━━╸───   62%   164k samples/s  loss 0.4521  auc 0.7912   0:03 left",
    );
    expect(formatProgressLine(state, 120)).toBe(
      `epoch 2/3  ${"━".repeat(18)}╸${"─".repeat(11)}   62%   164k samples/s  loss 0.4521  auc 0.7912   0:03 left`,
    );
  });

  it("gives up the bar, then the metrics, before the time left", () => {
    expect(formatProgressLine(state, 70)).toBe(
      "epoch 2/3   62%   164k samples/s  loss 0.4521  auc 0.7912   0:03 left",
    );
    expect(formatProgressLine(state, 60)).toBe("epoch 2/3   62%   164k samples/s  loss 0.4521   0:03 left");
    expect(formatProgressLine(state, 30)).toBe("epoch 2/3   62%   0:03 left");
  });

  it("never exceeds the columns, and keeps its length while numbers change", () => {
    const states = fc.record({
      label: fc.constant("epoch 1/9"),
      rows: fc.nat(1_000_000),
      totalRows: fc.constant(1_000_000),
      rowsPerSecond: fc.double({ min: 20_000, max: 1e9, noNaN: true }),
      loss: fc.double({ min: 0, max: 9000, noNaN: true }),
      metrics: fc.record({ auc: fc.double({ min: 0, max: 1, noNaN: true }) }),
    });
    fc.assert(
      fc.property(states, fc.integer({ min: 20, max: 200 }), (random, columns) => {
        const line = formatProgressLine(random, columns);
        expect(line.length).toBeLessThanOrEqual(columns);
        expect(line).toHaveLength(formatProgressLine({ ...random, rows: 0, loss: 0.5 }, columns).length);
      }),
    );
  });

  it("says what it does not know yet with a dash, and is full at the end", () => {
    const start = { label: "valid", rows: 0, totalRows: 10 };
    expect(formatProgressLine(start, 60)).toBe(`valid  ${"─".repeat(18)}    0%      - samples/s   -:-- left`);
    const end = formatProgressLine({ ...start, rows: 10, rowsPerSecond: 5 }, 60);
    expect(end).toBe(`valid  ${"━".repeat(18)}  100%   5.00 samples/s   0:00 left`);
    expect(formatProgressLine({ label: "valid", rows: 0, totalRows: 0 }, 60)).toContain("100%");
  });

  it("is plain where there is no terminal", () => {
    expect(formatPlainLine(state)).toBe("epoch 2/3  62%  164k samples/s  loss 0.4521  auc 0.7912  0:03 left");
  });
});

describe("numbers", () => {
  it("have three significant digits", () => {
    const shown = [0, 9.994, 9.996, 99.96, 950, 999.4, 999.6, 1640, 164_200, 999_600, 1.2e6, 3.45e9];
    expect(shown.map(formatCount)).toEqual([
      "0.00",
      "9.99",
      "10.0",
      "100",
      "950",
      "999",
      "1.00k",
      "1.64k",
      "164k",
      "1.00M",
      "1.20M",
      "3.45G",
    ]);
  });

  it("of seconds read as a clock", () => {
    const shown = [0, 0.2, 59.5, 725, 3753, 86_400 * 2 + 3 * 3600];
    expect(shown.map(formatDuration)).toEqual(["0:00", "0:01", "1:00", "12:05", "1:02:33", "2d 03h"]);
  });
});

describe("smoothing", () => {
  it("of a constant is the constant, whatever the batches", () => {
    const mean = new SmoothedMean(100);
    for (const rows of [1, 500, 7]) expect(mean.add(0.3, rows)).toBeCloseTo(0.3, 12);
  });

  it("gives a batch half the weight a half-life later", () => {
    const mean = new SmoothedMean(100);
    mean.add(1, 100);
    // Weights 1/2 and 1/4 of the two batches.
    expect(mean.add(0, 100)).toBeCloseTo(1 / 3, 12);
  });

  it("of a rate follows a change of speed within a few half-lives", () => {
    const rate = new Rate(0, 5);
    expect(rate.add(10, 0)).toBeUndefined();
    for (let second = 1; second <= 60; second++) rate.add(100, second * 1000);
    let after: number | undefined;
    for (let second = 61; second <= 90; second++) after = rate.add(200, second * 1000);
    // 100 of the 200 rows a second are missing from weights that have halved six times.
    expect(after).toBeCloseTo(200 - 100 / 64, 0);
  });
});

class Capture extends Writable {
  text = "";
  isTTY = false;
  columns = 80;

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

const capture = (isTTY: boolean) => Object.assign(new Capture(), { isTTY });
const asTerminal = (stream: Capture) => stream as unknown as NodeJS.WriteStream;

describe("Progress", () => {
  it("outside a terminal prints a line every ten percent, or ten seconds when that is sooner", () => {
    const stream = capture(false);
    let time = 0;
    const progress = new Progress({ stream: asTerminal(stream), now: () => time });
    progress.start("epoch 1/1", 1000);
    const tick = (seconds: number, rows: number) => {
      time += seconds * 1000;
      progress.advance({ rows, loss: 0.5 });
    };
    for (let i = 0; i < 20; i++) tick(1, 10); // 20 percent in 20 s
    for (let i = 0; i < 8; i++) tick(0.1, 100); // 80 percent in 0.8 s
    progress.log("saved");
    progress.stop();
    const lines = stream.text.trimEnd().split("\n");
    const percents = lines.slice(0, -1).map((line) => /(\d+)%/.exec(line)![1]);
    expect(percents).toEqual(["10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]);
    expect(lines.at(-1)).toBe("saved");
    expect(stream.text).not.toContain("\u001b");
  });

  it("in a terminal redraws one line, keeps logged lines, and gives the cursor back", () => {
    const stream = capture(true);
    const progress = new Progress({ stream: asTerminal(stream) });
    progress.start("epoch 1/1", 1000);
    progress.advance({ rows: 500, loss: 0.5 });
    progress.log("saved");
    progress.stop();
    progress.stop();
    expect(stream.text.match(/\n/g)).toHaveLength(1);
    expect(stream.text).toContain("saved\n");
    const [hides, shows] = ["l", "h"].map((mode) => stream.text.split(`\u001b[?25${mode}`).length - 1);
    expect(hides).toBe(shows);
    expect(stream.text.lastIndexOf("\u001b[?25h")).toBeGreaterThan(stream.text.lastIndexOf("\u001b[?25l"));
  });
});
