import { type Choice, mostOf, type Problem, sumOver } from "./problem.js";

/** Bins of the bytes of all ranks together, of the fastest tier. */
const BINS = 100;
const CELLS = BINS + 1;
/** Of all cells: neighbours are nearly the same. */
const MOST_CANDIDATES = 40;

/** Times the mean that the slowest rank takes of an item that ranks share. */
const EVENNESS = [1.1, 2, 4];

/** A choice for each item, whoever gets it. */
export type Candidate = readonly number[];

/**
 * Choices that may be good together: a dynamic programme over the bytes of the fastest tier keeps, for each bin, the least sum
 * of seconds (like TorchEasyRec's planner). Ranks balance the seconds later. Also each form for all items, shared by all ranks or
 * whole, and for those that ranks share more or less evenly.
 */
export function candidatesOf(problem: Problem): Candidate[] {
  const cells = new Knapsack(problem).run();
  const step = Math.max(1, Math.ceil(cells.length / MOST_CANDIDATES));
  const kept = cells.filter((_, i) => i % step === 0);
  const uniform = [true, false].map((whole) =>
    problem.items.map((choices) => cheapest(choices, (choice) => choice.whole === whole)),
  );
  const even = EVENNESS.map((most) =>
    problem.items.map((choices) => {
      const some = choices.some((choice) => isEven(choice, most));
      return cheapest(choices, (choice) => (some ? isEven(choice, most) : choice.whole));
    }),
  );
  const unique = new Map([...kept, ...uniform, ...even].map((candidate) => [candidate.join(), candidate]));
  return [...unique.values()];
}

/** Whether ranks share an item so that the slowest takes at most the given multiple of the mean. */
function isEven(choice: Choice, most: number): boolean {
  return !choice.whole && mostOf(choice, 0) * choice.loads.length <= most * sumOver(choice, 0);
}

/** The cheapest choice of a form; of any form where there is none. */
function cheapest(choices: readonly Choice[], isFormed: (choice: Choice) => boolean): number {
  const formed = [...choices.keys()].filter((i) => isFormed(choices[i]));
  const among = formed.length > 0 ? formed : [...choices.keys()];
  return among.reduce((a, b) => (sumOver(choices[b], 0) < sumOver(choices[a], 0) ? b : a));
}

/** Sums of a choice over all ranks. */
interface Sums {
  readonly seconds: number;
  readonly bytes: number;
}

class Knapsack {
  private readonly sums: readonly (readonly Sums[])[];
  /** Bytes that all ranks together have for items; no bins where they are not limited. */
  private readonly room: number;
  private seconds = new Float64Array(CELLS).fill(Number.POSITIVE_INFINITY);
  private bytes = new Float64Array(CELLS);
  /** By item and cell: the choice, and the cell before it. */
  private readonly choices: Uint8Array[] = [];
  private readonly before: Uint8Array[] = [];

  constructor({ items, ranks, limits, base }: Problem) {
    this.sums = items.map((choices) => choices.map(sumsOf));
    this.room = ranks * ((limits[1] ?? 0) - (base[1] ?? 0));
    this.seconds[0] = 0;
  }

  /** The choices of all cells that some choices reach, those with the least sum of seconds first. */
  run(): Candidate[] {
    for (const choices of this.sums) this.step(choices);
    const reached = [...this.seconds.keys()].filter((cell) => Number.isFinite(this.seconds[cell]));
    reached.sort((a, b) => this.seconds[a] - this.seconds[b]);
    return reached.map((cell) => this.choicesOf(cell));
  }

  private step(choices: readonly Sums[]): void {
    const next = new Float64Array(CELLS).fill(Number.POSITIVE_INFINITY);
    const bytes = new Float64Array(CELLS);
    const chosen = new Uint8Array(CELLS);
    const before = new Uint8Array(CELLS);
    for (let cell = 0; cell < CELLS; cell++) {
      if (!Number.isFinite(this.seconds[cell])) continue;
      for (const [i, choice] of choices.entries()) {
        const sum = this.bytes[cell] + choice.bytes;
        const to = this.cellOf(sum);
        const seconds = this.seconds[cell] + choice.seconds;
        if (to === undefined || seconds >= next[to]) continue;
        [next[to], bytes[to], chosen[to], before[to]] = [seconds, sum, i, cell];
      }
    }
    [this.seconds, this.bytes] = [next, bytes];
    this.choices.push(chosen);
    this.before.push(before);
  }

  /** Undefined if there is no room for the bytes. The cells carry exact bytes: only the choice between them is rounded. */
  private cellOf(bytes: number): number | undefined {
    if (bytes > this.room) return undefined;
    return Number.isFinite(this.room) && bytes > 0 ? Math.ceil((BINS * bytes) / this.room) : 0;
  }

  private choicesOf(cell: number): Candidate {
    const candidate: number[] = [];
    for (let item = this.sums.length - 1, at = cell; item >= 0; item--) {
      candidate.unshift(this.choices[item][at]);
      at = this.before[item][at];
    }
    return candidate;
  }
}

function sumsOf(choice: Choice): Sums {
  return { seconds: sumOver(choice, 0), bytes: choice.loads[0].length > 1 ? sumOver(choice, 1) : 0 };
}
