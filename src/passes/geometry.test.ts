import fc from "fast-check";
import { expect, it } from "vitest";
import { groupStarts } from "../graph/accumulation.js";
import { CPU_TARGET, cutBatch, defaultGroups } from "./geometry.js";

it.each([
  [2048, 16],
  [8192, 64],
  [65_536, 64],
  [1500, 8],
  [512, 4],
  [64, 2], // fewer rows than 128 each, so that two threads share it
  [1, 1],
])("a batch of %i rows has %i groups by default", (batch, groups) => {
  expect(defaultGroups(batch, CPU_TARGET)).toBe(groups);
});

it("cuts a batch into the groups asked for, or as many as the least tiles allow", () => {
  const { least, most } = CPU_TARGET.tileRows;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 0, max: 1000 }),
      (batch, groups, room) => {
        const { tileRows } = cutBatch(batch, groups, room, CPU_TARGET);
        expect(tileRows % least).toBe(0);
        expect(tileRows).toBeLessThanOrEqual(Math.max(least, Math.min(most, room)));
        const found = groupStarts(batch, { tileRows, groups }).length - 1;
        expect(found).toBeLessThanOrEqual(groups);
        // Rounding tiles up to whole ones can leave a few groups without rows.
        expect(found).toBeGreaterThanOrEqual(Math.min(groups, Math.floor(batch / tileRows)));
      },
    ),
  );
});
