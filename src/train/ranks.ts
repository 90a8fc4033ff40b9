import type { Memory } from "../backends/backend.js";
import { gatherJson, type World } from "../distributed/world.js";
import { ConfigError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";

/** @throws ConfigError for tables that several ranks cannot share yet */
export function refuseTablesForRanks({ features }: FittedFeatures, { size }: World): void {
  const found = features.find((feature) => feature.kind !== "number" && feature.store);
  if (size === 1 || !found) return;
  throw new ConfigError({
    what: "several ranks cannot train a table that has a store yet",
    where: `features.${found.name}`,
    got: `${size} ranks`,
    next: "Train without a launcher, or keep the table in memory.",
  });
}

/** Whether any rank says yes: all of them learn the same. */
export async function anyRank(world: World, yes: boolean): Promise<boolean> {
  return (await gatherJson(world, yes)).includes(true);
}

/** Adds up the numbers of all ranks, in the memory of each. They are whole, so that their sum has no order. */
export async function addUp(world: World, counts: Memory): Promise<void> {
  if (world.size === 1) return;
  const sum = new Float32Array(counts.elements);
  counts.read(0, sum);
  const all = await world.allGather(new Uint8Array(sum.buffer));
  sum.fill(0);
  for (const bytes of all) {
    const part = new Float32Array(bytes.buffer, bytes.byteOffset, sum.length);
    for (let i = 0; i < sum.length; i++) sum[i] += part[i];
  }
  counts.write(0, sum);
}
