import fc from "fast-check";
import { expect, it } from "vitest";
import { foldGroups, groupStarts } from "./accumulation.js";

it("cuts a batch into whole tiles, all of its rows, no group empty", () => {
  const cut = fc.record({
    tileRows: fc.integer({ min: 1, max: 40 }),
    groups: fc.integer({ min: 1, max: 70 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), cut, (rows, { tileRows, groups }) => {
      const starts = groupStarts(rows, { tileRows, groups });
      expect([starts[0], starts.at(-1)]).toEqual([0, rows]);
      expect(starts.length - 1).toBe(Math.min(groups, Math.ceil(rows / tileRows)));
      for (let g = 1; g < starts.length; g++) expect(starts[g]).toBeGreaterThan(starts[g - 1]);
      for (const start of starts.slice(0, -1)) expect(start % tileRows).toBe(0);
    }),
  );
});

it("adds groups level by level, and passes on what has no neighbour", () => {
  const groups = fc.uniqueArray(fc.nat(63), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(groups, (present) => {
      const sorted = [...present].sort((a, b) => a - b);
      const leaves = sorted.map((group) => [group, String(group)] as const);
      // The same, written as levels of an array with holes.
      let level: (string | undefined)[] = Array.from({ length: 64 }, (_, group) =>
        present.includes(group) ? String(group) : undefined,
      );
      while (level.length > 1) {
        const below = level;
        level = Array.from({ length: below.length / 2 }, (_, i) => {
          const [left, right] = [below[2 * i], below[2 * i + 1]];
          return left !== undefined && right !== undefined ? `(${left}+${right})` : (left ?? right);
        });
      }
      expect(foldGroups(leaves, (a, b) => `(${a}+${b})`)).toBe(level[0]);
    }),
  );
});
