import { hostname } from "node:os";
import { expect, it } from "vitest";
import { ConfigError } from "../errors.js";
import { loadAddon } from "../native/addon.js";
import { agree, together } from "./agree.js";
import { localWorlds, SOLO } from "./world.js";

const { addon } = loadAddon();

it.skipIf(!addon)("ranks that differ all learn which one differs, in what", async () => {
  const worlds = localWorlds(addon!, 3);
  const same = { version: "1.0", config: "ab" };
  await Promise.all(worlds.map((world) => agree(world, same)));
  const results = await Promise.allSettled(
    worlds.map((world) => agree(world, world.rank === 2 ? { ...same, config: "cd" } : same)),
  );
  for (const result of results)
    expect(String(result.status === "rejected" && result.reason)).toMatch(
      new RegExp(
        `rank 2 \\(host ${hostname()}\\): the ranks differ in config\n +got: +cd\n +expected: ab, as on rank 0`,
      ),
    );
  await agree(SOLO, same);
});

it.skipIf(!addon)("what fails on one rank fails on all, with the name of the rank", async () => {
  const worlds = localWorlds(addon!, 3);
  const failure = new ConfigError({ what: "there is no file", where: "--data", got: "a.csv" });
  const work = (rank: number, failing: readonly number[]) => async () => {
    if (failing.includes(rank)) throw failure;
    return rank;
  };
  const on = (failing: readonly number[]) =>
    Promise.allSettled(worlds.map((world) => together(world, work(world.rank, failing))));
  expect(await on([])).toEqual([0, 1, 2].map((value) => ({ status: "fulfilled", value })));
  const [first, second, third] = await on([1, 2]);
  expect(second).toEqual({ status: "rejected", reason: failure });
  for (const each of [first, third])
    expect(String(each.status === "rejected" && each.reason)).toBe(
      `ExecutionError: rank 1 (host ${hostname()}), --data: there is no file\n  got:      a.csv`,
    );
  await expect(together(SOLO, work(0, [0]))).rejects.toBe(failure);
});
