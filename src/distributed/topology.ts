import { availableParallelism, cpus, freemem, hostname, totalmem } from "node:os";
import { z } from "zod";
import type { Addon, Ceilings } from "../native/addon.js";
import { gatherJson, type World } from "./world.js";

const positive = z.number().positive();

/** What ranks have been measured to do, for plans. Bytes, and bytes per second. */
export const topologySchema = z.strictObject({
  /** What carries bytes between ranks; absent if there is one. */
  library: z.string().optional(),
  /** In the order of their numbers. */
  ranks: z.array(
    z.strictObject({
      host: z.string(),
      processor: z.string(),
      threads: z.number().int().positive(),
      memory: z.strictObject({ total: positive, free: positive, read: positive }),
      compute: z.strictObject({
        /** Operations per second: fp32, and on operands of bfloat16. */
        flops: positive,
        bf16Flops: positive,
        /** Bytes per second from the caches. */
        cache: positive,
        /** The share of these, and of `memory.read`, that a training step reaches. */
        share: positive,
      }),
      /** Rows of a table larger than the caches, in random order. */
      rows: z.array(z.strictObject({ dim: z.number().int().positive(), read: positive, update: positive })),
    }),
  ),
  /** Seconds in which each rank sends the given number of bytes to each other rank: those of the slowest. */
  exchanges: z.array(z.strictObject({ bytes: z.number().int().positive(), seconds: positive })),
});

export type Topology = z.infer<typeof topologySchema>;
type Rank = Topology["ranks"][number];

const DIMS = [16, 64, 256];
const KIB = 1024;
/** To each other rank, with the number of repeats. */
const EXCHANGES = [
  [8, 200],
  [4 * KIB, 200],
  [64 * KIB, 100],
  [KIB * KIB, 20],
  [8 * KIB * KIB, 5],
  [32 * KIB * KIB, 3],
] as const;

/** The share of the ceilings that a training step reaches with these threads. */
export type MeasureShare = (ceilings: Ceilings, threads: number) => Promise<number>;

/** Measures all ranks at the same time, since those of a machine share it. Takes some seconds. */
export async function measureTopology(
  world: World & { readonly library?: string },
  addon: Addon,
  measureShare: MeasureShare,
  threads = availableParallelism(),
): Promise<Topology> {
  await world.barrier();
  const ranks = await gatherJson(world, await measureRank(addon, measureShare, threads));
  return { library: world.library, ranks, exchanges: await measureExchanges(world, addon) };
}

async function measureRank(addon: Addon, measureShare: MeasureShare, threads: number): Promise<Rank> {
  const ceilings = addon.ceilings(threads);
  const { flops, bf16Flops, memoryBytes, cacheBytes: cache } = ceilings;
  return {
    host: hostname(),
    processor: cpus()[0]?.model.trim() ?? "unknown",
    threads,
    memory: { total: totalmem(), free: freemem(), read: memoryBytes },
    compute: { flops, bf16Flops, cache, share: await measureShare(ceilings, threads) },
    rows: DIMS.map((dim) => {
      const { readBytes: read, updateBytes: update } = addon.rowRates(dim, threads);
      return { dim, read, update };
    }),
  };
}

async function measureExchanges(world: World, addon: Addon): Promise<Topology["exchanges"]> {
  const measured: Topology["exchanges"] = [];
  const { handle } = world;
  if (!handle) return measured;
  for (const [bytes, repeats] of EXCHANGES) {
    const seconds = await addon.worldMeasure(handle, bytes, repeats);
    measured.push({ bytes, seconds: Math.max(...(await gatherJson(world, seconds))) });
  }
  return measured;
}
