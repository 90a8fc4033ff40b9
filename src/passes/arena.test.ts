import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { align, layOut, type Tenant } from "./arena.js";

const ALIGNMENT = 16;

const tenant = fc
  .record({
    size: fc.nat(100),
    first: fc.nat(12),
    length: fc.oneof(fc.nat(4), fc.constant(Number.POSITIVE_INFINITY)),
  })
  .map(({ size, first, length }): Tenant => ({ size, first, last: first + length }));

const padded = (size: number): number => align(size, ALIGNMENT);

describe("layOut", () => {
  it("keeps tenants that live together apart, aligned, and inside the arena", () => {
    fc.assert(
      fc.property(fc.array(tenant, { maxLength: 25 }), (tenants) => {
        const { offsets, size } = layOut(tenants, ALIGNMENT);
        tenants.forEach((a, i) => {
          expect(offsets[i] % ALIGNMENT).toBe(0);
          expect(offsets[i] + a.size).toBeLessThanOrEqual(size);
          tenants.slice(0, i).forEach((b, j) => {
            const together = a.first <= b.last && b.first <= a.last;
            const apart = offsets[i] + a.size <= offsets[j] || offsets[j] + b.size <= offsets[i];
            expect(apart || !together || a.size === 0 || b.size === 0).toBe(true);
          });
        });
      }),
      { numRuns: 500 },
    );
  });

  it("takes at least the largest sum of sizes alive at one time, and never more than the sum of all", () => {
    fc.assert(
      fc.property(fc.array(tenant, { maxLength: 25 }), (tenants) => {
        const { size } = layOut(tenants, ALIGNMENT);
        const alive = (time: number) => tenants.filter((t) => t.first <= time && time <= t.last);
        const total = (list: readonly Tenant[]) => list.reduce((sum, t) => sum + padded(t.size), 0);
        expect(size).toBeLessThanOrEqual(total(tenants));
        for (const { first } of tenants) expect(size).toBeGreaterThanOrEqual(total(alive(first)));
      }),
    );
  });

  it("shares memory: a chain in which each tenant meets the next needs room for two", () => {
    const chain = Array.from({ length: 20 }, (_, i) => ({ size: 64, first: i, last: i + 1 }));
    expect(layOut(chain, ALIGNMENT).size).toBe(128);
  });

  it("gives an empty arena to nobody", () => {
    expect(layOut([], ALIGNMENT)).toEqual({ offsets: [], size: 0 });
  });
});
