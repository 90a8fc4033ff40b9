import { describe, expect, it } from "vitest";
import { ExecutionError } from "../errors.js";
import { loadAddon } from "../native/addon.js";
import { broadcastJson, gatherJson, localWorlds, SOLO, type World } from "./world.js";

const { addon } = loadAddon();

/** More than the threads of libuv's pool: ranks that wait must not keep others from running. */
const MANY = 9;

const onAll = <T>(worlds: readonly World[], work: (world: World) => Promise<T>): Promise<T[]> =>
  Promise.all(worlds.map(work));

describe.skipIf(!addon).each([1, 2, 3, MANY])("%i ranks in one process", (size) => {
  it("get the bytes of one rank, or of all", async () => {
    const worlds = localWorlds(addon!, size);
    expect(worlds.map(({ rank }) => rank)).toEqual([...Array(size).keys()]);
    const bytesOf = (rank: number) => Uint8Array.from({ length: rank * 3 }, (_, i) => rank + i);
    const all = await onAll(worlds, (world) => world.allGather(bytesOf(world.rank)));
    for (const gathered of all) expect(gathered).toEqual(worlds.map(({ rank }) => bytesOf(rank)));
    const root = size - 1;
    const sent = await onAll(worlds, (world) =>
      world.broadcast(world.rank === root ? bytesOf(7) : undefined, root),
    );
    for (const bytes of sent) expect(bytes).toEqual(bytesOf(7));
  });

  it("share values, and count the bytes that they send", async () => {
    const worlds = localWorlds(addon!, size);
    const told = await onAll(worlds, (world) =>
      broadcastJson(world, world.rank === 0 ? { step: 3 } : undefined),
    );
    expect(told).toEqual(worlds.map(() => ({ step: 3 })));
    expect(await onAll(worlds, (world) => gatherJson(world, { rank: world.rank }))).toEqual(
      worlds.map(() => worlds.map(({ rank }) => ({ rank }))),
    );
    const json = (value: unknown) => JSON.stringify(value).length;
    const others = size - 1;
    for (const world of worlds) {
      const lead = world.rank === 0 ? others * json({ step: 3 }) : 0;
      expect(world.traffic().find(({ name }) => name === "control")).toEqual({
        name: "control",
        calls: 2,
        bytes: lead + others * json({ rank: world.rank }),
        nanoseconds: expect.any(Number),
      });
    }
  });

  it("leave a barrier when the last has come", async () => {
    const worlds = localWorlds(addon!, size);
    let come = 0;
    const left = await onAll(worlds, async (world) => {
      await new Promise((done) => setTimeout(done, 3 * world.rank));
      come++;
      await world.barrier();
      return come;
    });
    expect(left).toEqual(worlds.map(() => size));
  });
});

describe.skipIf(!addon)("a rank", () => {
  it("that aborts ends the calls of all", async () => {
    const worlds = localWorlds(addon!, 3);
    // Each has its handler before any of them can fail.
    const ended = worlds
      .slice(1)
      .map((world) => expect(world.barrier()).rejects.toThrow(/rank 0: the disk is full/));
    addon!.worldAbort(worlds[0].handle!, "the disk is full", 1);
    await Promise.all(ended);
    await expect(worlds[0].barrier()).rejects.toBeInstanceOf(ExecutionError);
  });

  it("makes one call at a time", async () => {
    const [world, other] = localWorlds(addon!, 2);
    const first = world.barrier();
    await expect(world.barrier()).rejects.toThrow(/two calls at once/);
    await Promise.all([first, other.barrier()]);
  });
});

it("a process alone gets back what it sends", async () => {
  const bytes = Uint8Array.of(1, 2);
  expect(await SOLO.broadcast(bytes)).toEqual(bytes);
  expect(await SOLO.allGather(bytes)).toEqual([bytes]);
  expect(await gatherJson(SOLO, { step: 1 })).toEqual([{ step: 1 }]);
});
