import { type Choice, mostOf, type Problem, sumOver } from "./problem.js";

/** Bins of the bytes of all ranks together, of the fastest tier and of the next one. */
const BINS = [100, 25] as const;
const CELLS = (BINS[0] + 1) * (BINS[1] + 1);
/** Of all cells: neighbours are nearly the same. */
const MOST_CANDIDATES = 40;

/** Times the mean that the slowest rank takes of an item that ranks share. */
const EVENNESS = [1.1, 2, 4];

/** A choice for each item, whoever gets it. */
export type Candidate = readonly number[];

/**
 * Choices that may be good together: a dynamic programme over the bytes of the two fastest tiers keeps, for each bin of both,
 * the least sum of seconds (the one of TorchEasyRec's planner). Ranks balance the seconds later. Also each form for all items,
 * shared by all ranks or whole, and for those that ranks share more or less evenly.
 */
export function candidatesOf(problem: Problem): Candidate[] {
  const cells = new Knapsack(problem).run();
  const step = Math.max(1, Math.ceil(cells.length / MOST_CANDIDATES));
  const kept = cells.filter((_, i) => i % step === 0);
  const uniform = [true, false].map((whole) => problem.items.map((choices) => cheapest(choices, whole)));
  const even = EVENNESS.map((most) =>
    problem.items.map((choices) => cheapest(choices, !choices.some((choice) => isEven(choice, most)))),
  );
  const unique = new Map([...kept, ...uniform, ...even].map((candidate) => [candidate.join(), candidate]));
  return [...unique.values()];
}

/** Whether ranks share an item so that the slowest takes at most so many times the mean. */
function isEven(choice: Choice, most: number): boolean {
  return !choice.whole && mostOf(choice, 0) * choice.loads.length <= most * sumOver(choice, 0);
}

/** The cheapest choice of this form; of any form where there is none. */
function cheapest(choices: readonly Choice[], whole: boolean): number {
  const formed = [...choices.keys()].filter((i) => choices[i].whole === whole);
  const among = formed.length > 0 ? formed : [...choices.keys()];
  return among.reduce((a, b) => (sumOver(choices[b], 0) < sumOver(choices[a], 0) ? b : a));
}

/** Sums of a choice over all ranks. */
interface Sums {
  readonly seconds: number;
  readonly bytes: readonly [number, number];
}

class Knapsack {
  private readonly sums: readonly (readonly Sums[])[];
  /** Bytes that all ranks together have for items, of each tier; no bins where they are not limited. */
  private readonly room: readonly [number, number];
  private seconds = new Float64Array(CELLS).fill(Number.POSITIVE_INFINITY);
  private bytes = [new Float64Array(CELLS), new Float64Array(CELLS)];
  /** By item and cell: the choice, and the cell before it. */
  private readonly choices: Uint8Array[] = [];
  private readonly before: Uint16Array[] = [];

  constructor({ items, ranks, limits, base }: Problem) {
    this.sums = items.map((choices) => choices.map(sumsOf));
    const roomOf = (part: number) => ranks * ((limits[part] ?? 0) - (base[part] ?? 0));
    this.room = [roomOf(1), roomOf(2)];
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
    const bytes = [new Float64Array(CELLS), new Float64Array(CELLS)];
    const chosen = new Uint8Array(CELLS);
    const before = new Uint16Array(CELLS);
    for (let cell = 0; cell < CELLS; cell++) {
      if (!Number.isFinite(this.seconds[cell])) continue;
      for (const [i, choice] of choices.entries()) {
        const fast = this.bytes[0][cell] + choice.bytes[0];
        const slow = this.bytes[1][cell] + choice.bytes[1];
        const to = this.cellOf(fast, slow);
        const seconds = this.seconds[cell] + choice.seconds;
        if (to === undefined || seconds >= next[to]) continue;
        [next[to], bytes[0][to], bytes[1][to], chosen[to], before[to]] = [seconds, fast, slow, i, cell];
      }
    }
    [this.seconds, this.bytes] = [next, bytes];
    this.choices.push(chosen);
    this.before.push(before);
  }

  /** Undefined if there is no room for so many bytes. The cells carry exact bytes: only the choice between them is rounded. */
  private cellOf(fast: number, slow: number): number | undefined {
    if (fast > this.room[0] || slow > this.room[1]) return undefined;
    const bin = (bytes: number, tier: 0 | 1): number =>
      Number.isFinite(this.room[tier]) && bytes > 0 ? Math.ceil((BINS[tier] * bytes) / this.room[tier]) : 0;
    return bin(fast, 0) * (BINS[1] + 1) + bin(slow, 1);
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
  const bytes = [1, 2].map((part) => (choice.loads[0].length > part ? sumOver(choice, part) : 0));
  return { seconds: sumOver(choice, 0), bytes: [bytes[0], bytes[1]] };
}
