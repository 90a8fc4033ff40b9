import type { Topology } from "../distributed/topology.js";
import type { Work } from "./compute.js";

type RankSpeeds = Topology["ranks"][number];

/** What each rank has, and does in a second: the least of all ranks, since all wait for the slowest. */
export interface Machine {
  readonly threads: number;
  /** Bytes that a plan may use. */
  readonly memory: number;
  /** Bytes read in order. */
  readonly read: number;
  readonly compute: RankSpeeds["compute"];
  /** Bytes of rows in random order, by the dim of fp32 rows, ascending. */
  readonly rows: RankSpeeds["rows"];
  /** Measured with this number of ranks: seconds in which each sends bytes to each other one, by bytes, ascending. */
  readonly exchanges: Topology["exchanges"];
  readonly exchanged: number;
  /** Bytes of rows in random order, in a file. */
  readonly disk: number;
  /** What nobody has measured. */
  readonly guesses: readonly string[];
}

/** Of free memory: for what no plan knows of. */
export const USABLE = 0.9;

const GIB = 2 ** 30;
/** A server of today, with 16 processors and a network of 10 Gbit/s. */
const GUESS = {
  threads: 16,
  read: 60e9,
  compute: { flops: 1.2e12, bf16Flops: 2.4e12, cache: 2e12, share: 0.4 },
  rows: [
    { dim: 16, read: 12e9, update: 9e9 },
    { dim: 64, read: 24e9, update: 18e9 },
    { dim: 256, read: 40e9, update: 28e9 },
  ],
  memory: 64 * GIB,
  wire: { perSecond: 1.25e9, latency: 30e-6 },
  /** 50,000 pages of 4 KiB. */
  disk: 200e6,
} as const;

export interface MachineOptions {
  readonly ranks: number;
  readonly topology?: Topology;
  /** Bytes of memory of each rank, instead of what is free or a guess. */
  readonly memory?: number;
  /** Of each rank, if the config says how many. */
  readonly threads?: number;
}

export function machineOf({ ranks, topology, memory, threads }: MachineOptions): Machine {
  const measured = withThreads(topology ? slowestOf(topology) : guessedRank(), threads);
  const isWired = topology !== undefined && topology.exchanges.length > 0;
  const guesses = [
    ...(topology
      ? []
      : ["speed: 16 processors of a server of today (measure: pairloom launch … doctor --ranks)"]),
    ...(isWired || ranks === 1 ? [] : ["network: 10 Gbit/s, 30 us"]),
    ...(memory === undefined && !topology ? ["memory: 64 GiB a rank (--memory)"] : []),
  ];
  return {
    ...measured,
    memory: USABLE * (memory ?? (topology ? freeOf(topology) : GUESS.memory)),
    exchanges: isWired ? topology.exchanges : guessedExchanges(ranks),
    exchanged: isWired ? topology.ranks.length : ranks,
    disk: GUESS.disk,
    guesses,
  };
}

type Speeds = Pick<Machine, "threads" | "read" | "compute" | "rows">;

const guessedRank = (): Speeds => ({ ...GUESS, rows: [...GUESS.rows] });

/** The speeds with another number of threads than was measured: in proportion, but no more of memory. */
function withThreads(speeds: Speeds, threads = speeds.threads): Speeds {
  const ratio = threads / speeds.threads;
  const { flops, bf16Flops, cache, share } = speeds.compute;
  const less = Math.min(1, ratio);
  return {
    threads,
    read: less * speeds.read,
    compute: { flops: ratio * flops, bf16Flops: ratio * bf16Flops, cache: ratio * cache, share },
    rows: speeds.rows.map(({ dim, read, update }) => ({ dim, read: less * read, update: less * update })),
  };
}

function slowestOf({ ranks }: Topology): Speeds {
  const least = (of: (rank: RankSpeeds) => number) => Math.min(...ranks.map(of));
  return {
    threads: least(({ threads }) => threads),
    read: least(({ memory }) => memory.read),
    compute: {
      flops: least(({ compute }) => compute.flops),
      bf16Flops: least(({ compute }) => compute.bf16Flops),
      cache: least(({ compute }) => compute.cache),
      share: least(({ compute }) => compute.share),
    },
    rows: ranks[0].rows.map(({ dim }, i) => ({
      dim,
      read: least(({ rows }) => rows[i].read),
      update: least(({ rows }) => rows[i].update),
    })),
  };
}

const freeOf = ({ ranks }: Topology): number =>
  leastFree(ranks.map(({ host, memory: { free } }) => ({ host, free })));

/** The least memory that a rank has: those of a host share what is free there. */
export function leastFree(ranks: readonly { readonly host: string; readonly free: number }[]): number {
  return Math.min(...ranks.map(({ host, free }) => free / ranks.filter((each) => each.host === host).length));
}

function guessedExchanges(ranks: number): Topology["exchanges"] {
  const { perSecond, latency } = GUESS.wire;
  return [8, 2 ** 20, 2 ** 25].map((bytes) => ({
    bytes,
    seconds: latency + (bytes * Math.max(1, ranks - 1)) / perSecond,
  }));
}

/** Bytes per second of rows of this many bytes; between two sizes in proportion to the logarithm. */
export function rowRate({ rows }: Machine, bytes: number, of: "read" | "update"): number {
  const points = rows.map((each) => ({ at: Math.log2(4 * each.dim), rate: each[of] }));
  const at = Math.log2(bytes);
  const above = points.findIndex((point) => point.at >= at);
  if (above < 0) return points[points.length - 1].rate;
  // A shorter row takes as long as a line of the cache.
  if (above === 0) return points[0].rate * Math.min(1, bytes / 2 ** points[0].at);
  const [a, b] = [points[above - 1], points[above]];
  return a.rate + ((b.rate - a.rate) * (at - a.at)) / (b.at - a.at);
}

/** Seconds before the first byte of an exchange. */
export const latencyOf = ({ exchanges }: Machine): number => exchanges[0].seconds;

/** Seconds for each byte that a rank sends in an exchange of about the given number of bytes to each other rank. */
export function secondsOfByte(machine: Machine, bytes: number): number {
  const { exchanges, exchanged } = machine;
  const large = exchanges.slice(1);
  const { bytes: size, seconds } = large.find((each) => each.bytes >= bytes) ?? large[large.length - 1];
  return Math.max(0, seconds - latencyOf(machine)) / (size * Math.max(1, exchanged - 1));
}

export function computeSeconds({ compute, read }: Pick<Machine, "compute" | "read">, work: Work): number {
  const { flops, bf16Flops, cache, share } = compute;
  const least =
    work.flops / flops + work.bf16Flops / bf16Flops + work.memoryBytes / read + work.cacheBytes / cache;
  return least / share;
}
