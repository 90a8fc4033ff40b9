import { type Placement, SLOTS, shareOf, slotsOf } from "../graph/placement.js";
import { Budget } from "./budget.js";
import { ALL_CACHED, added, type CostModel, NOTHING, type Place, type Spending, total } from "./cost.js";
import type { TableDemand } from "./demand.js";
import { inSlots } from "./lookups.js";

/** Tables that are on the same ranks, and where. */
export interface PlacedTables {
  readonly tables: readonly TableDemand[];
  readonly place: Place;
}

/** Times the mean that the slowest rank takes where ranks are even enough. */
const EVEN = 1.01;
/** Times the memory of the fullest rank with equal shares that a rank may take. */
const MOST_MEMORY = 1.1;
/** The weight of memory above that, beside seconds: so that it does not pay. */
const ABOVE = 1e9;
/** Times that each table is divided, if there is time. */
const SWEEPS = 3;
/** About five seconds. */
const MOST_WORK = 2e8;

/**
 * Divides the slots of tables so that ranks take about equally long for all tables together. One table after the other gets the
 * shares with the least sum of squares over ranks, given where the others are; those with the least memory for the time that they
 * take come first. Tables whose ids nobody has counted, or that have rows in files, keep equal shares.
 * @param spent what each rank spends where the tables are placed
 * @returns `placed` itself if hardly anything is gained
 */
export function evenShares(
  model: CostModel,
  placed: readonly PlacedTables[],
  spent: readonly Spending[],
): readonly PlacedTables[] {
  const ranks = new Ranks(model, spent);
  const before = ranks.slowest;
  const bytes = new Map(placed.map((each) => [each, bytesPerSecond(model, each)]));
  const inOrder = placed.filter((each) => canDivide(model, each));
  inOrder.sort((a, b) => bytes.get(a)! - bytes.get(b)!);
  const shared = new Map<PlacedTables, SharedTables>();
  const budget = new Budget(MOST_WORK);
  for (const each of Array.from({ length: SWEEPS }, () => inOrder).flat()) {
    if (ranks.areEven || budget.isSpent) break;
    const tables = shared.get(each) ?? new SharedTables(model, each);
    shared.set(each, tables);
    tables.divide(ranks, budget);
  }
  if (before <= EVEN * ranks.slowest || ranks.fullest > model.machine.memory) return placed;
  return placed.map((each) => shared.get(each)?.placed ?? each);
}

function canDivide(model: CostModel, { tables, place }: PlacedTables): boolean {
  const isCounted = tables.every((table) => model.lookupsOf(table).measured && !table.store);
  return isCounted && place.placement.owners > 1 && place.cached === ALL_CACHED;
}

/** Memory for the time that tables take, on one rank. */
function bytesPerSecond(model: CostModel, { tables, place }: PlacedTables): number {
  const placement = { firstRank: 0, owners: 1 };
  const all = tables.map((table) => model.table(table, { ...place, placement }, 0)).reduce(added);
  return total(all.bytes) / total(all.seconds);
}

/** What ranks spend: seconds on tables, and bytes on everything. */
class Ranks {
  private readonly seconds: Float64Array;
  private readonly bytes: Float64Array;
  private readonly mean: number;
  private readonly mostBytes: number;

  constructor(model: CostModel, spent: readonly Spending[]) {
    const always = total(model.base().seconds);
    this.seconds = Float64Array.from(spent, ({ seconds }) => total(seconds) - always);
    this.bytes = Float64Array.from(spent, ({ bytes }) => total(bytes));
    this.mean = this.seconds.reduce((a, b) => a + b) / spent.length;
    this.mostBytes = Math.min(model.machine.memory, MOST_MEMORY * this.fullest);
  }

  get slowest(): number {
    return Math.max(...this.seconds);
  }

  get fullest(): number {
    return Math.max(...this.bytes);
  }

  get areEven(): boolean {
    return this.slowest <= EVEN * this.mean;
  }

  add(rank: number, seconds: number, bytes: number): void {
    this.seconds[rank] += seconds;
    this.bytes[rank] += bytes;
  }

  /** How bad it is if a rank spends so much more. */
  badness(rank: number, seconds: number, bytes: number): number {
    const above = Math.max(0, (this.bytes[rank] + bytes) / this.mostBytes - 1);
    return ((this.seconds[rank] + seconds) / this.mean) ** 2 + ABOVE * above ** 2;
  }
}

/** What slots cost the ranks that have them: the sums of those below each. */
interface SlotCosts {
  readonly seconds: Float64Array;
  readonly bytes: Float64Array;
}

/** Tables whose slots ranks share. */
class SharedTables {
  /** By the part of a row. */
  private readonly costs: readonly SlotCosts[];
  /** By share: the first of its ranks. */
  private readonly firstRanks: readonly number[];

  constructor(
    model: CostModel,
    public placed: PlacedTables,
  ) {
    const { firstRank, owners, columns = 1 } = this.placement;
    this.costs = Array.from({ length: columns }, (_, part) => slotCosts(model, placed, part));
    const firstRanks = Array.from({ length: owners }, (_, i) => firstRank + i * columns);
    this.firstRanks = firstRanks.sort((a, b) => shareOf(this.placement, a) - shareOf(this.placement, b));
  }

  private get placement(): Placement {
    return this.placed.place.placement;
  }

  /** Gives the tables the best shares, and the ranks what these cost. */
  divide(ranks: Ranks, budget: Budget): void {
    const { firstRanks, costs, placed } = this;
    this.addTo(ranks, -1);
    const starts = divided(firstRanks.length, (share, begin, end) => {
      let sum = 0;
      for (let part = 0; part < costs.length; part++) {
        const { seconds, bytes } = costs[part];
        const rank = firstRanks[share] + part;
        sum += ranks.badness(rank, seconds[end] - seconds[begin], bytes[end] - bytes[begin]);
      }
      return sum;
    });
    budget.spend(firstRanks.length * costs.length * SLOTS * Math.log2(SLOTS));
    this.placed = { ...placed, place: { ...placed.place, placement: { ...this.placement, starts } } };
    this.addTo(ranks, 1);
  }

  private addTo(ranks: Ranks, sign: number): void {
    for (const first of this.firstRanks)
      for (const [part, { seconds, bytes }] of this.costs.entries()) {
        const slots = slotsOf(this.placement, first);
        ranks.add(first + part, sign * inSlots(seconds, slots), sign * inSlots(bytes, slots));
      }
  }
}

/** What a rank spends for each slot of which it has a part of the rows, beyond what it spends without any. */
function slotCosts(model: CostModel, { tables, place }: PlacedTables, part: number): SlotCosts {
  const { columns = 1, copies } = place.placement;
  const placement = { firstRank: 0, owners: SLOTS, columns, copies };
  const of = (rank: number): Spending =>
    tables.reduce((sum, table) => added(sum, model.table(table, { ...place, placement }, rank)), NOTHING);
  const none = of(SLOTS * columns);
  const seconds = new Float64Array(SLOTS + 1);
  const bytes = new Float64Array(SLOTS + 1);
  for (let slot = 0; slot < SLOTS; slot++) {
    const own = of(slot * columns + part);
    seconds[slot + 1] = seconds[slot] + total(own.seconds) - total(none.seconds);
    bytes[slot + 1] = bytes[slot] + total(own.bytes) - total(none.bytes);
  }
  return { seconds, bytes };
}

/**
 * The first slots of shares with the least sum of costs. A share's cost must be convex in what it has: then of two ends the later
 * one has no earlier best begin, and those between two ends are looked for between their begins.
 * @param cost of a share with the slots [begin, end)
 */
export function divided(
  shares: number,
  cost: (share: number, begin: number, end: number) => number,
): number[] {
  let least = Float64Array.from({ length: SLOTS + 1 }, (_, end) => cost(0, 0, end));
  const begins = Array.from({ length: shares - 1 }, (_, before) => {
    const best = new Uint16Array(SLOTS + 1);
    const sums = new Float64Array(SLOTS + 1);
    const find = (firstEnd: number, lastEnd: number, firstBegin: number, lastBegin: number): void => {
      if (firstEnd > lastEnd) return;
      const end = (firstEnd + lastEnd) >> 1;
      sums[end] = Number.POSITIVE_INFINITY;
      for (let begin = firstBegin; begin <= Math.min(end, lastBegin); begin++) {
        const sum = least[begin] + cost(before + 1, begin, end);
        if (sum < sums[end]) [sums[end], best[end]] = [sum, begin];
      }
      find(firstEnd, end - 1, firstBegin, best[end]);
      find(end + 1, lastEnd, best[end], lastBegin);
    };
    find(0, SLOTS, 0, SLOTS);
    least = sums;
    return best;
  });
  const later = begins.reduceRight(([end, ...after], best) => [best[end], end, ...after], [SLOTS]);
  return [0, ...later.slice(0, -1)];
}
