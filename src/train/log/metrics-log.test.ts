import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError } from "../../errors.js";
import { MetricsLog, readMetrics } from "./metrics-log.js";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "metrics-"));
  path = join(dir, "metrics.jsonl");
});
afterEach(() => rmSync(dir, { recursive: true }));

function append(resumedStep: number | undefined, steps: number[]): void {
  const log = new MetricsLog(path, { resumedStep });
  for (const step of steps) log.write({ step, epoch: 0, split: "train", values: { loss: 1 / step } });
  log.close();
}
const steps = () => readMetrics(path).map((line) => line.step);

describe("MetricsLog", () => {
  it.each<[string, () => unknown]>([
    ["a pipe", () => execFileSync("mkfifo", [path])],
    ["a link to a device", () => symlinkSync("/dev/zero", path)],
  ])("refuses %s instead of waiting for its end", (_, make) => {
    make();
    for (const open of [() => new MetricsLog(path), () => readMetrics(path)])
      expect(open).toThrow(/there is something else in place of a file/);
  });

  it("does not wait for a reader of a pipe where it writes a new file", () => {
    append(undefined, [1, 2]);
    execFileSync("mkfifo", [`${path}.tmp`]);
    append(1, [2, 3]);
    expect(steps()).toEqual([1, 2, 3]);
  });

  it("keeps measurements in order, with null for what JSON cannot say", () => {
    const before = Date.now() / 1000;
    const log = new MetricsLog(path);
    log.write({ step: 3, epoch: 1, split: "valid", values: { auc: 0.75, logLoss: Number.NaN, lift: null } });
    log.close();
    const [line, ...rest] = readMetrics(path);
    expect(rest).toEqual([]);
    expect(line).toEqual({
      step: 3,
      epoch: 1,
      split: "valid",
      values: { auc: 0.75, logLoss: null, lift: null },
      time: expect.any(Number),
    });
    expect(line.time).toBeGreaterThanOrEqual(before);
  });

  it("forgets what came after the step a run resumes from, and a line cut short", () => {
    append(undefined, [10, 20, 30]);
    appendFileSync(path, '{"step":40,"epo');
    expect(steps()).toEqual([10, 20, 30]);
    append(20, [21]);
    expect(steps()).toEqual([10, 20, 21]);
    append(21, [22]);
    expect(steps()).toEqual([10, 20, 21, 22]);
    expect(readdirSync(dir)).toEqual(["metrics.jsonl"]);
  });

  it("starts empty when a run starts from the beginning", () => {
    append(undefined, [0, 1]);
    append(undefined, [0]);
    expect(steps()).toEqual([0]);
  });

  it("names the line that cannot be read", () => {
    append(undefined, [1]);
    appendFileSync(path, "nonsense\n");
    expect(() => readMetrics(path)).toThrow(/metrics\.jsonl:2/);
    writeFileSync(path, '{"step":-1}\n');
    expect(() => readMetrics(path)).toThrow(CheckpointError);
  });
});
