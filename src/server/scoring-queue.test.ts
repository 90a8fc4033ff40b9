import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ScoringQueue } from "./scoring-queue.js";
import type { Version } from "./version.js";

/* With a clock of its own, which moves when something is scored or refused: no test waits, or depends on the machine. */

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => void vi.restoreAllMocks());

const LIMITS = { waiting: 1000, work: 10, deadline: 1000 };

/** A version that takes this number of milliseconds for each request to rank. */
const taking = (milliseconds: number) =>
  ({
    predictor: {
      rank: () => {
        now += milliseconds;
        return [];
      },
    },
  }) as unknown as Version;

/** Requests that arrive at a rate in an event loop, which pauses now and then. All in milliseconds. */
interface Arriving {
  /** The time of scoring them, by the time in which they arrive. */
  readonly load: number;
  /** The time of one. */
  readonly each?: number;
  readonly refusal?: number;
  readonly pauses?: { readonly every: number; readonly of: number };
  readonly last: number;
}

/** @returns the ages of those that were answered, from when they were sent, ascending; how many were refused; how many pauses there were */
async function served({ load, each = 0.5, refusal = 0.05, pauses, last }: Arriving, queue = newQueue()) {
  const [ages, begun]: [number[], number] = [[], now];
  let [sent, refused, paused] = [0, 0, 0];
  const due = () => begun + (sent * each) / load;
  for (; now < begun + last; await new Promise((done) => setImmediate(done))) {
    if (pauses && now - begun > pauses.every * (paused + 1)) {
      now += pauses.of;
      paused++;
    }
    for (const looked = now; due() <= looked; sent++) {
      const arrived = due();
      if (queue.refuses()) {
        now += refusal;
        refused++;
      } else {
        const scored = queue.rank(taking(each), { items: [] }, 1);
        scored.then(
          () => ages.push(now - arrived),
          () => refused++,
        );
      }
    }
    if (queue.waiting === 0) now = due();
  }
  return { ages: ages.sort((a, b) => a - b), refused, paused };
}

const newQueue = (limits: Partial<typeof LIMITS> = {}) =>
  new ScoringQueue({ ...LIMITS, ...limits }, () => undefined);

describe("under lasting load", () => {
  it.each([
    [0.2, 10],
    [0.5, 10],
    [0.5, 40],
    [2, 10],
  ])("requests of %d ms wait about %d ms at most", async (each, work) => {
    const queue = newQueue({ work });
    const load = { load: 5, each, refusal: each / 20 };
    await served({ ...load, last: 1000 }, queue);
    const { ages, refused } = await served({ ...load, last: 1000 }, queue);
    expect(ages.length + refused).toBeGreaterThan((4.9 * 1000) / each);
    expect(ages.at(-1)).toBeLessThan(1.5 * work);
    expect(ages[Math.floor(ages.length / 2)]).toBeGreaterThan(work / 4);
  });

  it("all time goes to those that wait, but for that of refusing", async () => {
    const { ages, refused } = await served({ load: 5, last: 5000 });
    expect(0.5 * ages.length + 0.05 * refused).toBeGreaterThan(0.95 * 5000);
  });

  it("a pause makes those late that wait already, and few others", async () => {
    const pauses = { every: 1000, of: 60 };
    const queue = newQueue();
    await served({ load: 5, last: 1000 }, queue);
    const { ages, paused } = await served({ load: 5, pauses, last: 8000 }, queue);
    expect(paused).toBe(7);
    // 10 milliseconds are the work of 20, and one of two that arrived in the pause may wait.
    expect(ages.filter((age) => age > 15).length).toBeLessThan((20 + 4) * paused);
  });

  it("it is over half a second after the last refusal: then a burst is not refused", async () => {
    const queue = newQueue();
    const burst = () => {
      const offered = Array.from({ length: 100 }, async () => queue.rank(taking(0.5), { items: [] }, 1));
      return Promise.allSettled(offered).then(
        (all) => all.filter(({ status }) => status === "rejected").length,
      );
    };
    await served({ load: 5, last: 600 }, queue);
    await served({ load: 0.5, last: 300 }, queue);
    expect(await burst()).toBeGreaterThan(70);
    await served({ load: 0.5, last: 600 }, queue);
    expect(await burst()).toBe(0);
  });
});

describe("below the knee", () => {
  it("nothing is refused, also after a pause, and its work is soon done", async () => {
    const { ages, refused, paused } = await served({
      load: 0.7,
      pauses: { every: 1000, of: 100 },
      last: 5000,
    });
    expect([paused, refused]).toEqual([4, 0]);
    expect(ages.at(-1)).toBeLessThan(100 + 5);
    // What has arrived in 100 milliseconds, and until that is scored, in 100 * 0.7 / 0.3.
    const late = ages.filter((age) => age > 5).length;
    expect(late).toBeLessThan((paused * 100 * (1 + 0.7 / 0.3) * 0.7) / 0.5);
  });

  it("one that waits behind nothing is not refused, whatever has happened before", async () => {
    const queue = newQueue();
    await queue.rank(taking(5000), { items: [] }, 1);
    expect(queue.refuses()).toBe(false);
  });

  it("sixteen clients are not refused, however long their requests take", async () => {
    const queue = newQueue();
    let refused = 0;
    const client = async () => {
      for (let i = 0; i < 50; i++) {
        if (queue.refuses()) refused++;
        else await queue.rank(taking(60), { items: [] }, 1).catch(() => refused++);
      }
    };
    await Promise.all(Array.from({ length: 16 }, client));
    expect(refused).toBe(0);
  });
});
