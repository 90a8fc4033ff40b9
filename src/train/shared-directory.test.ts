import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RunLock } from "../checkpoint/index.js";
import { localWorlds, SOLO } from "../distributed/world.js";
import { loadAddon } from "../native/addon.js";
import { refuseUnshared } from "./shared-directory.js";

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-shared-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What happens where the ranks have these directories in place of one; the first is that of rank 0. */
async function outcomes(directories: readonly string[], patience?: number, meanwhile = () => {}) {
  const worlds = localWorlds(addon!, directories.length);
  return RunLock.holding(directories[0], async (lock) => {
    const all = worlds.map((world) =>
      refuseUnshared(world, directories[world.rank], world.rank === 0 ? lock : undefined, patience),
    );
    meanwhile();
    return (await Promise.allSettled(all)).map((each) => (each.status === "rejected" ? each.reason : "seen"));
  });
}

describe.skipIf(!addon)("a directory for ranks", () => {
  const [own, others] = [join(folder, "own"), join(folder, "others")];

  it("is one where all see the lock of rank 0, which leaves nothing else there", async () => {
    expect(await outcomes([own, own, own])).toEqual(["seen", "seen", "seen"]);
    expect(readdirSync(own)).toEqual([]);
  });

  it("may show the lock late", async () => {
    mkdirSync(others);
    const show = () => copyFileSync(join(own, "writer.lock"), join(others, "writer.lock"));
    const late = () => void setTimeout(show, 300);
    expect(await outcomes([own, others], 60_000, late)).toEqual(["seen", "seen"]);
  });

  it.each([
    ["that has the lock of another time", others],
    ["that is not there", join(folder, "absent")],
  ])("is refused on all ranks, with the name of the rank that has one %s", async (_, directory) => {
    const [first, second, third] = await outcomes([own, own, directory], 0);
    expect(first.message).toMatch(`rank 2 (host ${hostname()}), ${directory}: the directory is not that of`);
    expect(second.message).toBe(first.message);
    expect(third.message).toMatch(`${directory}: the directory is not that of rank 0`);
  });
});

it("asks nothing of one process", async () => {
  await refuseUnshared(SOLO, join(folder, "absent"), undefined);
});
