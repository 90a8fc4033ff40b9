import { expect, it } from "vitest";
import { type Addon, loadAddon } from "../native/addon.js";
import { measureTopology, topologySchema } from "./topology.js";
import { localWorlds, SOLO } from "./world.js";

const { addon: core } = loadAddon();
/** The speeds of this machine are not of interest. */
const addon: Addon | undefined = core && {
  ...core,
  ceilings: () => ({ flops: 4, bf16Flops: 3, memoryBytes: 2, cacheBytes: 1 }),
  rowRates: (dim) => ({ readBytes: dim, updateBytes: dim / 2 }),
};
const share = async () => 0.5;

it.skipIf(!addon)(
  "ranks measure themselves and the exchanges between them, and all get the same",
  async () => {
    const worlds = localWorlds(addon!, 3);
    const [first, ...others] = await Promise.all(
      worlds.map((world) => measureTopology(world, addon!, share, 1)),
    );
    for (const other of others) expect(other).toEqual(first);
    expect(topologySchema.parse(JSON.parse(JSON.stringify(first)))).toEqual(first);
    expect(first.ranks).toHaveLength(3);
    expect(first.ranks[2].memory.read).toBe(2);
    expect(first.ranks[2].compute).toEqual({ flops: 4, bf16Flops: 3, cache: 1, share: 0.5 });
    expect(first.ranks[2].rows).toEqual([16, 64, 256].map((dim) => ({ dim, read: dim, update: dim / 2 })));
    expect(first.exchanges.map(({ bytes }) => bytes)).toEqual([8, 4096, 65_536, 2 ** 20, 2 ** 23, 2 ** 25]);
    // What is counted is what was sent: every size as often as it was repeated, to two ranks.
    const sent = [8 * 200, 4096 * 200, 65_536 * 100, 2 ** 20 * 20, 2 ** 23 * 5, 2 ** 25 * 3];
    const traffic = worlds[1].traffic().find(({ name }) => name === "measure");
    const bytes = 2 * sent.reduce((a, b) => a + b);
    expect(traffic).toEqual({ name: "measure", calls: 528, bytes, nanoseconds: expect.any(Number) });
  },
);

it.skipIf(!core)("a process alone measures its memory", async () => {
  const { ranks, exchanges } = await measureTopology(SOLO, core!, share, 1);
  expect(exchanges).toEqual([]);
  const [{ memory, rows }] = ranks;
  expect(memory.read).toBeGreaterThan(0);
  for (const { read, update } of rows) expect(Math.min(read, update)).toBeGreaterThan(0);
});
