import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { memberDirectories, memberDirectory } from "./members.js";

it("lists the members of a run by seed", () => {
  const run = mkdtempSync(join(tmpdir(), "pairloom-members-"));
  onTestFinished(() => rmSync(run, { recursive: true }));
  expect(memberDirectories(run)).toEqual([]);
  const members = [8, 9, 10, 11].map((seed) => memberDirectory(run, seed));
  for (const member of [...members].reverse()) mkdirSync(member, { recursive: true });
  expect(memberDirectories(run)).toEqual(members);
});
