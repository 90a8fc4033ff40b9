import type { Ceilings } from "../native/addon.js";
import type { Profile, ProfileLine } from "../profile/profile.js";
import { table } from "./text-table.js";

const giga = (value: number): string => (value / 1e9).toFixed(1);
const tenths = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** `ceilings: 459.1 GFLOP/s fp32, 917.3 bf16, 23.2 GB/s from memory, 333.0 GB/s from the second-level caches` */
export function ceilingsLine({ flops, bf16Flops, memoryBytes, cacheBytes }: Ceilings): string {
  const parts = [
    `${giga(flops)} GFLOP/s fp32`,
    `${giga(bf16Flops)} bf16`,
    `${giga(memoryBytes)} GB/s from memory`,
    `${giga(cacheBytes)} GB/s from the second-level caches`,
  ];
  return `ceilings: ${parts.join(", ")}`;
}

/** The time of a step by instruction, the slowest first. */
export function profileTable(name: string, profile: Profile): string {
  const step =
    profile.step_us >= 1000
      ? `${(profile.step_us / 1000).toFixed(2)} ms`
      : `${profile.step_us.toFixed(1)} µs`;
  const title = `${name}: ${step} a step, ${profile.gflops_per_s.toFixed(1)} GFLOP/s, tiles of ${profile.tile_rows} rows, ${profile.groups} groups`;
  const outside = [
    ["fold partial results", profile.folding_share],
    ["pack weights", profile.packing_share],
    ["waiting, and outside instructions", profile.outside_share],
  ] as const;
  const shown = profile.lines.filter(({ share }) => share >= LEAST_SHARE);
  const rest = profile.lines.slice(shown.length);
  const rows = [
    ...shown.map(lineOf),
    ...(rest.length > 0 ? [remainder(rest)] : []),
    ...outside.map(([what, share]) => [what, tenths(share), "", "", "", "", ""]),
  ];
  return `${title}\n${table(HEAD, rows, [5, 6])}`;
}

/** Instructions with a smaller share are combined into one line. */
const LEAST_SHARE = 0.002;
const HEAD = ["instruction", "time", "GFLOP/s", "GB/s", "of ceiling", "operands", "parameter"];

function lineOf(line: ProfileLine): string[] {
  const { op, instructions, share, parameter } = line;
  return [
    instructions > 1 ? `${op} x${instructions}` : op,
    tenths(share),
    line.gflops_per_s.toFixed(1),
    line.gbytes_per_s.toFixed(1),
    tenths(line.ceiling_share),
    line.shapes,
    instructions > 1 && parameter ? `${parameter}, …` : parameter,
  ];
}

function remainder(lines: readonly ProfileLine[]): string[] {
  const count = lines.reduce((sum, { instructions }) => sum + instructions, 0);
  const share = lines.reduce((sum, line) => sum + line.share, 0);
  return [`${count} others`, tenths(share), "", "", "", "", ""];
}
