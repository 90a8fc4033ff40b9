import { fork } from "node:child_process";
import { once } from "node:events";
import { totalmem } from "node:os";
import { bytes } from "../src/cli/tables.js";
import { count } from "../src/show-value.js";
import { type Figure, inRounds, median, spread } from "./figure.js";
import type { PassesCase, PassesResult, PowerLawCase, TierCase, TierResult } from "./tiers-child.js";

const ROWS = 8_000_000;
const SMALL = 1000;
const DIM = 128;
const SMALL_DIM = 16;
const PASSED_ROWS = 20_000_000;
/** Weights, and as many numbers of Adagrad. */
const ROW_BYTES = 2 * 4 * DIM;
const SHARE = 0.1;
/** Larger tables are not compared with one in memory, and their rows come to be in the file as training meets them. */
const MOST_IN_MEMORY = 0.5 * totalmem();
/** Memory for larger tables, and for the one that they are compared with. */
const MOST_GIVEN = MOST_IN_MEMORY / 4;

/**
 * A table of 128 numbers and as many of Adagrad with a tenth of its bytes of memory, at most an eighth of the machine's, and ids by a power law of 1.05 without
 * locality; `--table-rows N` for another size. `--data DIR` is the directory of the file.
 */
export const tiers: Figure = {
  title: `table larger than its memory, power law 1.05, dim ${DIM} with Adagrad, file read and written past the page cache`,
  async run({ rounds, seconds, threads, tableRows = ROWS, data }) {
    const common = { rows: tableRows, dim: DIM, seconds, threads, directory: data };
    const isSmall = tableRows * ROW_BYTES <= MOST_IN_MEMORY;
    const inMemory = isSmall ? tableRows : Math.floor(MOST_GIVEN / ROW_BYTES);
    const cases = [
      { ...common, name: "1000 rows", rows: SMALL, fills: false },
      { ...common, name: "in memory", rows: inMemory, fills: false },
      {
        ...common,
        name: "with a store",
        memory: Math.min(SHARE * tableRows * ROW_BYTES, MOST_GIVEN),
        fills: isSmall,
      },
    ] satisfies PowerLawCase[];
    const results = await inRounds(cases, rounds, measure<TierResult>);
    const [small, plain, tier] = cases.map((each) => results.get(each)!);
    return { head: ["", ""], rows: lines(cases[2], { small, plain, tier }, inMemory) };
  },
};

/**
 * Each row of a table of 16 numbers and as many of Adagrad is trained, with a tenth of its bytes of memory; and a small table
 * three times, with a store and in memory. `--table-rows 200000000` takes 40 GB of the disk.
 */
export const tierRows: Figure = {
  title: "every row of a table ten times its memory is trained, dim 16 with Adagrad",
  async run({ threads, tableRows = PASSED_ROWS, data }) {
    const bytesOf = (rows: number) => rows * 2 * 4 * SMALL_DIM;
    const common = { dim: SMALL_DIM, threads, directory: data };
    const cases = [
      { ...common, name: "small, in memory", rows: 1_000_000, passes: 3 },
      {
        ...common,
        name: "small, with a store",
        rows: 1_000_000,
        passes: 3,
        memory: SHARE * bytesOf(1_000_000),
      },
      { ...common, name: "with a store", rows: tableRows, passes: 1, memory: SHARE * bytesOf(tableRows) },
    ] satisfies PassesCase[];
    const results = await inRounds(cases, 1, measure<PassesResult>);
    const [plain, small, [large]] = cases.map((each) => results.get(each)!);
    const rows = [
      ["table", `${count(tableRows)} rows, ${bytes(bytesOf(tableRows))}`],
      ["memory given to the table", bytes(SHARE * bytesOf(tableRows))],
      ["rows that training has met", count(large.touched)],
      ["samples a second", count(Math.round(large.samplesPerSecond))],
      ["most resident memory of the process", bytes(large.peakResident)],
      ["allocated on the disk", bytes(large.allocated)],
      [
        "numbers of a small table, with a store and in memory",
        small[0].hash === plain[0].hash ? "equal" : "DIFFER",
      ],
    ];
    return { head: ["", ""], rows };
  },
};

async function measure<Result>(each: TierCase): Promise<Result> {
  const child = fork(new URL("./tiers-child.ts", import.meta.url), { serialization: "advanced" });
  child.send(each);
  const [result] = await once(child, "message");
  child.kill();
  return result as Result;
}

type Results = Readonly<Record<"small" | "plain" | "tier", readonly TierResult[]>>;

function lines(
  { rows, memory }: PowerLawCase,
  { small, plain, tier }: Results,
  inMemory: number,
): string[][] {
  const of = (results: readonly TierResult[], value: (result: TierResult) => number) => results.map(value);
  const rate = of(tier, (r) => r.samplesPerSecond);
  const memoryRate = of(plain, (r) => r.samplesPerSecond);
  const misses = of(tier, (r) => r.missesPerSample);
  const operations = of(tier, (r) => r.readsPerSecond);
  // Without a row in the file, the disk sets no bound.
  const ofDisk = median(operations) > 0 ? median(operations) / median(misses) : Number.POSITIVE_INFINITY;
  const bound = Math.min(median(memoryRate), ofDisk);
  /** Program and libraries are in both. */
  const more = (value: (result: TierResult) => number) => {
    const difference = median(of(tier, value)) - median(of(small, value));
    return `${bytes(difference)}, ${((100 * difference) / memory!).toFixed(1)} %`;
  };
  return [
    ["table", `${count(rows)} rows, ${bytes(rows * ROW_BYTES)}`],
    [`samples a second, ${count(inMemory)} rows in memory`, spread(memoryRate)],
    ["samples a second, with a store", spread(rate)],
    ["rows found in memory", `${(100 * median(of(tier, (r) => r.hitRate))).toFixed(1)} %`],
    ["rows read ahead", `${(100 * median(of(tier, (r) => r.prefetchedRate))).toFixed(1)} %`],
    ["misses a sample", median(misses).toFixed(3)],
    ["random reads of rows a second", spread(operations)],
    ["least of memory and disk operations / misses", count(Math.round(bound))],
    ["share of that", (median(rate) / bound).toFixed(2)],
    ["memory given to the table", bytes(memory!)],
    ["resident at the end, more than with 1000 rows", more((r) => r.resident)],
    ["resident at the peak, more than with 1000 rows", more((r) => r.peakResident)],
    ["rows that training has met", count(median(of(tier, (r) => r.touched)))],
    ["allocated on the disk", bytes(median(of(tier, (r) => r.allocated)))],
  ];
}
