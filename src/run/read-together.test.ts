import { expect, it } from "vitest";
import type { ScanBatch } from "../data/source/scan.js";
import { localWorlds } from "../distributed/world.js";
import { loadAddon } from "../native/addon.js";
import { readTogether } from "./read-together.js";

const { addon } = loadAddon();

async function* read(batches: readonly ScanBatch[]): AsyncGenerator<ScanBatch, void> {
  yield* batches;
}

it.skipIf(!addon)(
  "a rank whose rows are all refused has other rows than one that is at the end",
  async () => {
    const malformedRows = [{ line: 1, reason: "too few values" }] as unknown as ScanBatch["malformedRows"];
    const columns = { rows: 0, columns: new Map() };
    const refused = { columns, rowNumbers: [], bad: [], malformedRows } as unknown as ScanBatch;
    const sources = [[refused], []];
    const worlds = localWorlds(addon!, sources.length);
    const ends = worlds.map(async (world) => {
      for await (const _ of readTogether(world, read(sources[world.rank])));
    });
    for (const end of await Promise.allSettled(ends))
      expect(String(end.status === "rejected" && end.reason)).toMatch(
        /rank 1 .*: the ranks differ in the rows of the data\n +got: +no more rows\n +expected: 1 refused rows and no others/,
      );
  },
);
