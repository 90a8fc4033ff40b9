import { writeFileSync } from "node:fs";
import { measureStepShare } from "../bench/step-share.js";
import { onDiskSync } from "../checkpoint/disk.js";
import { measureTopology, type Topology } from "../distributed/topology.js";
import type { World } from "../distributed/world.js";
import { nativeCore } from "./native-core.js";
import { threadsOfRank } from "./on-ranks.js";
import { bytes } from "./tables.js";
import { table } from "./text-table.js";

/** Measures the ranks; rank 0 shows and writes what it finds. */
export async function measureRanks(world: World, output: string): Promise<void> {
  const threads = await threadsOfRank(world);
  const topology = await measureTopology(world, nativeCore(), measureStepShare, threads);
  if (world.rank > 0) return;
  console.log(topologyTables(topology));
  const text = `${JSON.stringify(topology, null, 1)}\n`;
  onDiskSync("the topology cannot be written", output, () => writeFileSync(output, text));
  console.log(`Written to ${output}.`);
}

/** The rows of tables that are shown, as numbers of a row. */
const SHOWN_DIM = 64;

function topologyTables({ ranks, exchanges }: Topology): string {
  const head = ["rank", "host", "threads", "free memory", "read in order", "read rows", "update rows"];
  const lines = ranks.map(({ host, threads, memory, rows }, rank) => {
    const { read, update } = rows.find(({ dim }) => dim === SHOWN_DIM)!;
    return [
      String(rank),
      host,
      String(threads),
      bytes(memory.free),
      ...[memory.read, read, update].map(rate),
    ];
  });
  const tables = [table(head, lines, [1]), `Rows: ${SHOWN_DIM} numbers each, in random order`];
  if (exchanges.length === 0) return tables.join("\n");
  const sent = exchanges.map(({ bytes: size, seconds }) => [
    bytes(size),
    duration(seconds),
    rate((size * (ranks.length - 1)) / seconds),
  ]);
  return [...tables, table(["to each other rank", "time", "sent by a rank"], sent)].join("\n");
}

const duration = (seconds: number): string =>
  seconds < 1e-3 ? `${(1e6 * seconds).toFixed(1)} us` : `${(1e3 * seconds).toFixed(2)} ms`;

const rate = (perSecond: number): string => `${bytes(Math.round(perSecond))}/s`;
