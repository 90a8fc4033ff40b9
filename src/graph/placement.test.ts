import fc from "fast-check";
import { expect, it } from "vitest";
import {
  byColumns,
  columnsOf,
  isSamePlacement,
  mostColumns,
  type Placement,
  placeOf,
  placesOf,
  rowAt,
  SLOTS,
  shareOf,
  slotsOf,
} from "./placement.js";

const cases = fc.record({
  rows: fc.integer({ min: 1, max: 5000 }),
  firstRank: fc.integer({ min: 0, max: 5 }),
  owners: fc.integer({ min: 1, max: 9 }),
  turn: fc.integer({ min: 0, max: 8 }),
  columns: fc.integer({ min: 1, max: 5 }),
  cuts: fc.option(fc.array(fc.integer({ min: 0, max: SLOTS }), { minLength: 8, maxLength: 8 })),
});

/** The first slots of shares that are as unequal as it happens. */
const startsFrom = (owners: number, cuts: readonly number[]) => [
  0,
  ...cuts.slice(0, owners - 1).sort((a, b) => a - b),
];

it("every row has one place, in the order of slots, and one owner", () => {
  fc.assert(
    fc.property(cases, ({ rows, cuts, ...equal }) => {
      const placement: Placement = { ...equal, ...(cuts && { starts: startsFrom(equal.owners, cuts) }) };
      const inOrder = Array.from({ length: rows }, (_, row) => row).sort(
        (a, b) => (a % SLOTS) - (b % SLOTS) || a - b,
      );
      expect(inOrder.map((_, place) => rowAt(place, rows))).toEqual(inOrder);
      expect(inOrder.map((row) => placeOf(row, rows))).toEqual([...inOrder.keys()]);
      let next = 0;
      const { firstRank, owners, turn, columns } = equal;
      for (const rank of [firstRank - 1, firstRank + owners * columns])
        expect(slotsOf(placement, rank)).toEqual([0, 0]);
      for (let share = 0; share < owners; share++) {
        const rank = firstRank + ((share + turn) % owners) * columns;
        const [begin, end] = placesOf(placement, rank, rows);
        for (let part = 1; part < columns; part++)
          expect(placesOf(placement, rank + part, rows)).toEqual([begin, end]);
        const [first, last] = slotsOf(placement, rank);
        expect(shareOf(placement, rank)).toBe(share);
        if (placement.starts) expect(first).toBe(placement.starts[share]);
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

it("the ranks of a share have every column once, as equally many as fours allow", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 9 }), (width, ranks) => {
      const columns = Math.min(ranks, mostColumns(width));
      const placement = { firstRank: 2, owners: 2, turn: 1, columns };
      for (const first of [2, 2 + columns]) {
        const parts = Array.from({ length: columns }, (_, part) => columnsOf(placement, first + part, width));
        expect(parts.map(([begin]) => begin)).toEqual([0, ...parts.slice(0, -1).map(([, end]) => end)]);
        expect(parts.at(-1)![1]).toBe(width);
        for (const [begin, end] of parts) {
          expect(begin % 4).toBe(0);
          expect(end).toBeGreaterThan(begin);
          expect(Math.abs(Math.ceil((end - begin) / 4) - Math.ceil(width / 4) / columns)).toBeLessThan(1);
        }
      }
      expect(columnsOf(placement, 1, width)).toEqual([0, width]);
    }),
  );
  expect(byColumns("t", 7, 3)).toMatchObject({ firstRank: 0, owners: 2, columns: 3 });
});

it("placements with other shares differ", () => {
  const placement = { firstRank: 0, owners: 2 };
  const uneven = (start: number) => ({ ...placement, starts: [0, start] });
  expect(isSamePlacement(placement, { ...placement, turn: 0, columns: 1 })).toBe(true);
  expect(isSamePlacement(uneven(3), uneven(3))).toBe(true);
  expect(isSamePlacement(uneven(3), uneven(4))).toBe(false);
  expect(isSamePlacement(uneven(3), placement)).toBe(false);
});
