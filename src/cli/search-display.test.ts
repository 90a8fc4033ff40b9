import { expect, it } from "vitest";
import type { TrialResult } from "../run/search/search-record.js";
import { SearchDisplay } from "./search-display.js";
import { shortNames } from "./setting-words.js";

it("names a setting by the end of its path that tells it from the others", () => {
  const paths = [
    "train.optimizer.dense.learningRate",
    "train.optimizer.embedding.learningRate",
    "model.dropout",
  ];
  expect([...shortNames(paths).values()]).toEqual([
    "dense.learningRate",
    "embedding.learningRate",
    "dropout",
  ]);
  const inside = ["train.l2", "l2", "features.a.dim", "features.ba.dim"];
  expect([...shortNames(inside).values()]).toEqual(["train.l2", "l2", "a.dim", "ba.dim"]);
});

it("redraws lines that fit the terminal, from the first column", () => {
  const written: string[] = [];
  const stream = { isTTY: true, columns: 60, write: (text: string) => written.push(text) };
  const display = new SearchDisplay(stream as unknown as NodeJS.WriteStream);
  const settings = [{ path: "train.optimizer.dense.learningRate", value: 0.123456789 }];
  const result: TrialResult = { trial: 1, rung: 0, step: 30, value: 0.75, part: 1 / 9, seconds: 1 };
  display.listen({ kind: "trialStarted", trial: 1, settings, part: 1 / 9 });
  display.listen({ kind: "trialEnded", result, settings });
  display.listen({ kind: "trialStarted", trial: 2, settings, part: 1 / 9 });
  const [first, cleared, second] = written;
  expect(first.split("\n")[0]).toBe("1/0 trials; trial 1 to 11.1 %");
  expect(cleared).toBe("\r\u001b[1A\u001b[J");
  const lines = second.trimEnd().split("\n");
  expect(lines[1]).toMatch(/^ {2}trial 1 +auc 0\.7500 at step 30 {2}train\.optimizer/);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(60);
});
