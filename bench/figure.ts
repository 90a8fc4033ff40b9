import { measureApart } from "../src/bench/apart.js";
import type { BenchResult } from "../src/bench/measure.js";
import { WORKLOADS, type Workload } from "../src/bench/workloads.js";
import type { Precision } from "../src/graph/precision.js";
import { count } from "../src/show-value.js";

/** A published figure: what it measures, and its table. */
export interface Figure {
  readonly title: string;
  run(options: FigureOptions): Promise<FigureTable>;
}

export interface FigureTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface FigureOptions {
  /** Rounds over all cases: each is measured once a round, so that a noisy minute meets them all. */
  readonly rounds: number;
  /** To train, and again to infer. */
  readonly seconds: number;
  readonly threads: number;
  /** Rows of the table of `tiers`, `tier-rows` and `table-checkpoints`, or of `large-table`, whose life it then measures alone. */
  readonly tableRows?: number;
  /**
   * The folder of the Frappe data, for `tables-quality`, which is without Frappe if it is not given; that of the Criteo data, for
   * `rank-loads`; that of the files of `tiers` and `table-checkpoints`.
   */
  readonly data?: string;
  /** A program that prints lines as `pairloom bench --json` does. */
  readonly peer?: { readonly python: string; readonly script: string };
}

/** Something to measure, named by what tells it from the others of its figure. */
export interface Case {
  readonly name: string;
  readonly workload: Workload;
  readonly batch: number;
  readonly threads: number;
  /** Default fp32. */
  readonly precision?: Precision;
}

/** The fields of a result that a figure shows. */
export type Rates = Pick<BenchResult, "train_samples_per_s" | "infer_samples_per_s" | "peak_memory_bytes">;

/** Measures every case in every round, each in a process of its own; the results of a case are in order. */
export async function measureCases(
  cases: readonly Case[],
  { rounds, seconds }: Pick<FigureOptions, "rounds" | "seconds">,
): Promise<Map<Case, Rates[]>> {
  return inRounds(cases, rounds, ({ workload, batch, threads, precision = "fp32" }) =>
    measureApart({ workload, settings: { precision, batch, seconds, threads } }),
  );
}

/** Runs every item once a round, and says on standard error how far it is. */
export async function inRounds<T extends { readonly name: string }, R>(
  items: readonly T[],
  rounds: number,
  run: (item: T) => Promise<R>,
): Promise<Map<T, R[]>> {
  const results = new Map<T, R[]>(items.map((item) => [item, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const item of items) {
      results.get(item)!.push(await run(item));
      console.error(`round ${round} of ${rounds}: ${item.name}`);
    }
  }
  return results;
}

/** The middle value; of an even number of them the upper one, as `pairloom bench` has it. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** `111,703 (57,995 to 119,613)` */
export function spread(values: readonly number[], show: (value: number) => string = count): string {
  if (values.length === 1) return show(values[0]);
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

export const micro = (seconds: number): string => (seconds * 1e6).toPrecision(3);

export function workloadOf(name: string): Workload {
  return WORKLOADS.find((workload) => workload.name === name)!;
}
