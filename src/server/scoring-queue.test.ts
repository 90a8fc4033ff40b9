import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ScoringQueue } from "./scoring-queue.js";
import type { Version } from "./version.js";

/* With a clock of its own, which moves when something is scored: no test waits, or depends on the machine. */

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => void vi.restoreAllMocks());

const LIMITS = { waiting: 1000, work: 20, deadline: 1000 };

/** A version that takes so many milliseconds for each request to rank. */
const taking = (milliseconds: number) =>
  ({
    predictor: {
      rank: () => {
        now += milliseconds;
        return [];
      },
    },
  }) as unknown as Version;

/** Offers many requests in each turn of the event loop. @returns the waits of those that were accepted, without those of the first turns */
async function overloaded(milliseconds: number, turns = 200, offered = 50): Promise<number[]> {
  const queue = new ScoringQueue(LIMITS, () => undefined);
  const version = taking(milliseconds);
  const waits: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    for (let i = 0; i < offered && !queue.isFull; i++) {
      const arrived = now;
      const scored = queue.rank(version, { items: [] }, 1);
      if (turn > turns / 2) void scored.then(() => waits.push(now - arrived));
    }
    now += 1;
    await new Promise((done) => setImmediate(done));
  }
  return waits;
}

it.each([0.1, 0.5, 2])(
  "lets a request of %d ms wait about as long as the limit, and no longer than twice",
  async (each) => {
    const waits = (await overloaded(each)).sort((a, b) => a - b);
    expect(waits.length).toBeGreaterThan(50);
    expect(waits.at(-1)).toBeLessThan(2 * Math.max(LIMITS.work, 16 * each));
    expect(waits[Math.floor(waits.length / 2)]).toBeGreaterThan(LIMITS.work / 4);
  },
);

it("gives those that wait at least a quarter of the time, however much there is beside them", async () => {
  const queue = new ScoringQueue(LIMITS, () => undefined);
  let [beside, answered] = [0, 0];
  for (let turn = 0; turn < 100; turn++) {
    for (let i = 0; i < 50 && !queue.isFull; i++)
      void queue.rank(taking(1), { items: [] }, 1).then(() => answered++);
    now += 10;
    beside += 10;
    await new Promise((done) => setImmediate(done));
  }
  // Not yet in the turns in which the queue fills.
  expect(answered).toBeGreaterThan(0.3 * beside);
});

it("is not full for one that waits behind nothing, whatever has happened before", async () => {
  const queue = new ScoringQueue(LIMITS, () => undefined);
  await queue.rank(taking(5000), { items: [] }, 1);
  expect(queue.isFull).toBe(false);
});

it("does not count a pause as work that waits, in a turn or between two", async () => {
  const queue = new ScoringQueue(LIMITS, () => undefined);
  const all = [200, 200, 1].map((each) => queue.rank(taking(each), { items: [] }, 1));
  await all[0];
  now += 300;
  await all[1];
  expect(queue.waiting).toBe(1);
  expect(queue.isFull).toBe(false);
  await all[2];
});

it("lets as many wait after a pause as before it", async () => {
  const queue = new ScoringQueue(LIMITS, () => undefined);
  for (let i = 0; i < 200; i++) await queue.rank(taking(0.5), { items: [] }, 1);
  await queue.rank(taking(300), { items: [] }, 1);
  // 20 milliseconds of 0.5 are 40; a pace of 30 would let no more than 16 wait.
  const waiting = Array.from({ length: 30 }, () => queue.rank(taking(0.5), { items: [] }, 1));
  expect(queue.isFull).toBe(false);
  await Promise.all(waiting);
});
