import type { Memory } from "../backends/backend.js";
import { gatherJson, type World } from "../distributed/world.js";

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
