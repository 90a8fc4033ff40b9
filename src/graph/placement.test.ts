import fc from "fast-check";
import { expect, it } from "vitest";
import { placeOf, placesOf, rowAt, SLOTS, slotsOf } from "./placement.js";

const cases = fc.record({
  rows: fc.integer({ min: 1, max: 5000 }),
  firstRank: fc.integer({ min: 0, max: 5 }),
  owners: fc.integer({ min: 1, max: 9 }),
  turn: fc.integer({ min: 0, max: 8 }),
});

it("every row has one place, in the order of slots, and one owner", () => {
  fc.assert(
    fc.property(cases, ({ rows, ...placement }) => {
      const inOrder = Array.from({ length: rows }, (_, row) => row).sort(
        (a, b) => (a % SLOTS) - (b % SLOTS) || a - b,
      );
      expect(inOrder.map((_, place) => rowAt(place, rows))).toEqual(inOrder);
      expect(inOrder.map((row) => placeOf(row, rows))).toEqual([...inOrder.keys()]);
      let next = 0;
      const { firstRank, owners, turn } = placement;
      for (const rank of [firstRank - 1, firstRank + owners])
        expect(slotsOf(placement, rank)).toEqual([0, 0]);
      for (let share = 0; share < owners; share++) {
        const rank = firstRank + ((share + turn) % owners);
        const [begin, end] = placesOf(placement, rank, rows);
        const [first, last] = slotsOf(placement, rank);
        expect(begin).toBe(next);
        for (let place = begin; place < end; place++) {
          expect(inOrder[place] % SLOTS).toBeGreaterThanOrEqual(first);
          expect(inOrder[place] % SLOTS).toBeLessThan(last);
        }
        next = end;
      }
      expect(next).toBe(rows);
    }),
    { numRuns: 50 },
  );
});
