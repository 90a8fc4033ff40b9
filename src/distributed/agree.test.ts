import { expect, it } from "vitest";
import { loadAddon } from "../native/addon.js";
import { agree } from "./agree.js";
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
      /rank 2: the ranks differ in config\n +got: +cd\n +expected: ab, as on rank 0/,
    );
  await agree(SOLO, same);
});
