import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { STRETCHES, type StretchLine, StretchLog } from "./stretch-log.js";

let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "pairloom-stretches-"));
});
afterEach(() => rmSync(run, { recursive: true }));

const written = () => readFileSync(join(run, STRETCHES), "utf8");

function lineOf(stretch: number): StretchLine {
  const counts = { step: 10 * stretch, rows: 5, quarantined: 0, leftOut: 0, added: {} };
  const packed = `stretch-${String(stretch).padStart(32, "0")}`;
  return { stretch, ...counts, reads: { files: [] }, data: "fingerprint", packed } as StretchLine;
}

const textOf = (...stretches: number[]) =>
  stretches.map((each) => `${JSON.stringify(lineOf(each))}\n`).join("");

it("adds lines to a file, and makes it", async () => {
  const log = await StretchLog.open(run);
  await log.add(lineOf(1));
  await log.add(lineOf(2));
  expect(written()).toBe(textOf(1, 2));
  const again = await StretchLog.open(run);
  await again.add(lineOf(3));
  expect(written()).toBe(textOf(1, 2, 3));
  expect([1, 2, 3, 4].map((each) => again.find(each)?.step)).toEqual([10, 20, 30, undefined]);
});

it.each([0, 1, 2])("leaves an incomplete line after %d others alone, until one is added", async (count) => {
  const complete = textOf(...[1, 2].slice(0, count));
  writeFileSync(join(run, STRETCHES), `${complete}{"stretch": 9`);
  const log = await StretchLog.open(run);
  expect(written()).toBe(`${complete}{"stretch": 9`);
  await log.add(lineOf(count + 1));
  expect(written()).toBe(complete + textOf(count + 1));
});
