import { expect, it } from "vitest";
import type { planFile } from "../plan/plan-file.js";
import { planText } from "./plan-tables.js";

/** Every rank with other bytes than the one before, so that none shares a line with it. */
function planOf(ranks: number): ReturnType<typeof planFile> {
  const seconds = { compute: 1e-3, list: 0, read: 0, update: 0, wire: 0, disk: 0 };
  const bytes = { states: 0, keys: 0, dense: 0, arenas: 0, exchange: 0, process: 0 };
  return {
    version: 1,
    fits: true,
    batch: 2048,
    accumulationGroups: 16,
    seconds: 1e-3,
    samplesPerSecond: 2048e3,
    bound: 1e-3,
    exact: true,
    binding: "compute",
    memory: { limit: 1e9, most: 2 ** 20 },
    tables: [],
    ranks: Array.from({ length: ranks }, (_, rank) => ({
      seconds,
      bytes: { ...bytes, tables: 1e6 * 2 ** (rank % 2) },
      disk: 0,
      sent: {},
    })),
    guesses: [],
    waysOut: [],
  };
}

it("says which ranks have no line", () => {
  expect(planText(planOf(16))).not.toContain("(--json)");
  expect(planText(planOf(20))).toContain("and ranks 16 to 19 (--json)");
});
