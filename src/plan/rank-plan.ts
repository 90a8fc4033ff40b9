import { ConfigError } from "../errors.js";
import {
  byColumns,
  byRows,
  copied,
  type Placement,
  ranksOf,
  rowsOfShard,
  SLOTS,
} from "../graph/placement.js";
import { tableOfPart } from "../layers/composed-embedding.js";
import { meanBound } from "./bound.js";
import {
  ALL_CACHED,
  added,
  type CostModel,
  NO_SECONDS,
  type Place,
  type Seconds,
  type Spending,
  total,
} from "./cost.js";
import type { TableDemand } from "./demand.js";
import { evenShares, type PlacedTables } from "./even-shares.js";
import type { Choice, Given, Problem } from "./problem.js";
import { type Solved, solve } from "./solve.js";

/** What a config says of where a table is. */
export type Constraint = "rowWise" | "tableWise" | "replicated" | { readonly rank: number } | Division;

/** Among how many ranks each row is divided: all, fewer, or a number. */
type Division = "columnWise" | "grid" | { readonly columns: number };

export interface PlanningOptions {
  /** By the name of the table in the config. */
  readonly constraints?: ReadonlyMap<string, Constraint>;
  /** Whether tables may have rows in files, as those of a feature with a store. */
  readonly files?: boolean;
  /** Of search, where not everything can be tried (see Budget). */
  readonly work?: number;
}

export interface PlannedTable {
  readonly table: TableDemand;
  readonly place: Place;
  readonly why: string;
}

/** How good a plan is. */
type Proof = Pick<Solved, "fits" | "bound" | "exact">;

/** Where the tables of a model are, and what it costs. */
export interface RankPlan extends Proof {
  readonly model: CostModel;
  readonly tables: readonly PlannedTable[];
  readonly ranks: readonly Spending[];
  /** Of a step: those of the slowest rank. */
  readonly seconds: number;
}

/** @throws ConfigError for a constraint on a table or rank that does not exist */
export function planRanks(model: CostModel, options: PlanningOptions = {}): RankPlan {
  checkConstraints(model, options.constraints);
  const { tables, ranks } = model.demand;
  const inFiles = options.files ? tablesForFiles(tables, ranks, options.constraints) : new Set<TableDemand>();
  const groups = groupsOfTables(tables, inFiles);
  const forms = groups.map((group) => {
    const constraint = constraintOn(group, ranks, options.constraints);
    return formsOf(model, { ...group[0], parts: partsOf(group) }, constraint, inFiles.has(group[0]));
  });
  const problem: Problem = {
    ranks,
    base: loadOf(model.base()),
    limits: [Number.POSITIVE_INFINITY, model.machine.memory],
    items: forms.map((each, i) => each.map((form) => choiceOf(model, groups[i], form))),
  };
  const { given, fits, bound, exact } = solve(problem, options.work);
  const equal = groups.map((tables, i) => ({ tables, place: placeOf(forms[i], given[i]) }));
  const even = fits ? evenShares(model, equal, spendingOf(model, equal)) : equal;
  return {
    ...planOf(model, even, options.constraints),
    fits,
    ...(even === equal ? { bound, exact } : { bound: meanBound(problem), exact: false }),
  };
}

function planOf(
  model: CostModel,
  placed: readonly PlacedTables[],
  constraints: PlanningOptions["constraints"],
): Omit<RankPlan, keyof Proof> {
  const places = new Map(
    placed.flatMap(({ tables, place }) => tables.map((table) => [table, place] as const)),
  );
  const ranks = spendingOf(model, placed);
  return {
    model,
    ranks,
    seconds: Math.max(...ranks.map(({ seconds }) => total(seconds))),
    tables: model.demand.tables.map((table) => {
      const place = places.get(table)!;
      return { table, place, why: reasonOf(model, table, place, constraints?.get(table.table)) };
    }),
  };
}

/** Tables whose ids are translated together are on the same ranks: so are those `inFiles` of a feature, which have one store. */
function groupsOfTables(
  tables: readonly TableDemand[],
  inFiles: ReadonlySet<TableDemand> = new Set(),
): TableDemand[][] {
  const groups = new Map<string, TableDemand[]>();
  for (const table of tables) {
    const key = table.translation ?? (inFiles.has(table) ? table.table : table.name);
    groups.set(key, [...(groups.get(key) ?? []), table]);
  }
  return [...groups.values()];
}

/** Tables that may have rows in files: those that can be divided as a config says where they are on the same ranks. */
function tablesForFiles(
  tables: readonly TableDemand[],
  ranks: number,
  constraints: PlanningOptions["constraints"],
): ReadonlySet<TableDemand> {
  const groups = groupsOfTables(tables, new Set(tables)).filter((group) => {
    const constraint = constraints?.get(group[0].table);
    if (constraint === undefined || !isDivision(constraint)) return true;
    return divisionsOf(ranks, partsOf(group), constraint).length > 0;
  });
  return new Set(groups.flat());
}

/** Among how many ranks the rows of tables on the same ranks may be divided. */
const partsOf = (group: readonly TableDemand[]): number => Math.min(...group.map(({ parts }) => parts));

/** A form that tables may have. */
interface Form extends Place {
  /** One rank has it, on whichever it is best. */
  readonly whole: boolean;
}

/**
 * What a config says of tables. Of several tables of a feature, as a model with a first-order part has them, those that are too
 * narrow to be divided as it says are shared by rows.
 */
function constraintOn(
  group: readonly TableDemand[],
  ranks: number,
  constraints: PlanningOptions["constraints"],
): Constraint | undefined {
  const constraint = constraints?.get(group[0].table);
  if (constraint === undefined || !isDivision(constraint)) return constraint;
  return divisionsOf(ranks, partsOf(group), constraint).length > 0 ? constraint : "rowWise";
}

function formsOf(
  model: CostModel,
  demand: TableDemand,
  constraint: Constraint | undefined,
  files: boolean,
): Form[] {
  const { ranks } = model.demand;
  const mayHaveStore = files && !demand.store && tableOfPart(demand.translation ?? "") === undefined;
  const tenths = Array.from({ length: mayHaveStore ? ALL_CACHED : 1 }, (_, i) => ALL_CACHED - i);
  return placementsOf(ranks, demand, constraint).flatMap((form) =>
    (form.placement.copies ? [ALL_CACHED] : tenths).map((cached) => ({ ...form, cached })),
  );
}

function placementsOf(
  ranks: number,
  { name, translation = name, store, parts }: TableDemand,
  constraint: Constraint | undefined,
): Omit<Form, "cached">[] {
  const shared = { placement: byRows(translation, ranks), whole: false };
  const whole = { placement: { firstRank: 0, owners: 1 }, whole: true };
  if (constraint === "rowWise" || ranks === 1) return [shared];
  if (constraint === "tableWise") return [whole];
  const copies = { placement: copied(translation, ranks), whole: false };
  if (constraint === "replicated") return [copies];
  if (constraint !== undefined && !isDivision(constraint))
    return [{ placement: { firstRank: constraint.rank, owners: 1 }, whole: false }];
  const divided = divisionsOf(ranks, parts, constraint).map((columns) => {
    return { placement: byColumns(translation, ranks, columns), whole: false };
  });
  if (constraint !== undefined) return divided;
  return [shared, whole, ...(store ? [] : [copies]), ...divided];
}

function isDivision(constraint: Constraint): constraint is Division {
  if (typeof constraint === "object") return "columns" in constraint;
  return constraint === "columnWise" || constraint === "grid";
}

/** The numbers of ranks among which rows may be divided, so that all ranks have as many parts: those that a constraint allows. */
function divisionsOf(ranks: number, parts: number, constraint?: Division): number[] {
  const most = Array.from({ length: Math.min(ranks, parts) }, (_, i) => i + 1);
  const possible = most.filter((columns) => columns > 1 && ranks % columns === 0);
  if (constraint === undefined) return possible;
  if (constraint === "columnWise") return possible.filter((columns) => columns === ranks);
  if (constraint === "grid") return possible.filter((columns) => columns < ranks);
  return possible.filter((columns) => columns === constraint.columns);
}

function choiceOf(model: CostModel, tables: readonly TableDemand[], form: Form): Choice {
  const ranks = form.whole ? 1 : model.demand.ranks;
  const load = (rank: number) =>
    tables.map((table) => loadOf(model.table(table, form, rank))).reduce((a, b) => a.map((n, i) => n + b[i]));
  return { whole: form.whole, loads: Array.from({ length: ranks }, (_, rank) => load(rank)) };
}

const loadOf = ({ seconds, bytes }: Spending): number[] => [total(seconds), total(bytes)];

function placeOf(forms: readonly Form[], { choice, rank }: Given): Place {
  const { whole, placement, cached } = forms[choice];
  return { placement: whole ? { firstRank: rank, owners: 1 } : placement, cached };
}

function spendingOf(model: CostModel, placed: readonly PlacedTables[]): Spending[] {
  const on = (rank: number) =>
    placed.flatMap(({ tables, place }) => tables.map((table) => model.table(table, place, rank)));
  return Array.from({ length: model.demand.ranks }, (_, rank) => on(rank).reduce(added, model.base()));
}

/** Why tables are where they are. @param constraint of the config, if it says so */
export function reasonOf(
  { demand: { ranks }, machine }: CostModel,
  table: TableDemand,
  { placement, cached }: Place,
  constraint: Constraint | undefined,
): string {
  const { rows, weights, states, store } = table;
  const share = store?.memory ?? (cached < ALL_CACHED ? `${10 * cached} %` : undefined);
  const inFile = share === undefined ? "" : `, ${share} in memory`;
  if (ranks === 1) return `one rank${inFile}`;
  if (constraint !== undefined) return `train.placement${inFile}`;
  if (placement.copies) return "few rows, of which each rank needs most";
  if (placement.starts) return "even loads";
  const having = ranksWithRows(table, placement);
  if (having < ranksOf(placement))
    return `few rows, on ${having === 1 ? "one rank" : `${having} ranks`}${inFile}`;
  if ((placement.columns ?? 1) > 1) return `even shares of each row${inFile}`;
  if (placement.owners > 1)
    return `${rows * (weights + states) > machine.memory ? "too large for one" : "even shares"}${inFile}`;
  return `${rows < SLOTS ? "few rows" : "evens out ranks"}${inFile}`;
}

/** Rows with the first numbers are in the first slots, and those of keys in any slot. */
function ranksWithRows({ rows, byKey }: TableDemand, placement: Placement): number {
  const ranks = Array.from({ length: ranksOf(placement) }, (_, i) => placement.firstRank + i);
  return byKey ? ranks.length : ranks.filter((rank) => rowsOfShard({ rows, placement, rank }) > 0).length;
}

function checkConstraints(
  { demand: { tables, ranks } }: CostModel,
  constraints: PlanningOptions["constraints"] = new Map(),
): void {
  const names = [...new Set(tables.map(({ table }) => table))];
  for (const [name, constraint] of constraints) {
    const where = `train.placement.${name}`;
    if (!names.includes(name))
      throw new ConfigError({
        what: "there is no embedding table of this name",
        where,
        got: name,
        expected: `one of ${names.join(", ")}`,
        next: "Correct the name: it is that of the feature, or of its embedding.",
      });
    const named = tables.filter(({ table }) => table === name);
    if (constraint === "replicated") refuseStore(named[0], where);
    refuseDivision(named, ranks, constraint, where);
    if (typeof constraint !== "object" || !("rank" in constraint) || constraint.rank < ranks) continue;
    throw new ConfigError({
      what: "there is no such rank",
      where: `${where}.rank`,
      got: String(constraint.rank),
      expected: `a number below ${ranks}, the number of ranks`,
      next: "Name another rank, or remove the constraint.",
    });
  }
}

/** @throws ConfigError if no table of a feature can be divided among the ranks as the constraint says */
function refuseDivision(
  tables: readonly TableDemand[],
  ranks: number,
  constraint: Constraint,
  where: string,
): void {
  if (!isDivision(constraint) || ranks === 1) return;
  const groups = groupsOfTables(tables);
  if (groups.some((group) => divisionsOf(ranks, partsOf(group), constraint).length > 0)) return;
  const widest = groups.reduce((a, b) => (partsOf(b) > partsOf(a) ? b : a));
  const { name, dim, parts } = widest.reduce((a, b) => (b.parts < a.parts ? b : a));
  const possible = divisionsOf(ranks, parts);
  throw new ConfigError({
    what: "the rows of a table cannot be divided among the ranks like this",
    where,
    got: `${JSON.stringify(constraint)} of ${name}, with ${dim} column${dim === 1 ? "" : "s"}, and ${ranks} ranks`,
    expected:
      (possible.length > 0 ? `rows in ${possible.join(" or ")} parts` : "whole rows") +
      (widest.some((table) => table.parts > parts) ? NARROWEST : ""),
    next: NEXT_DIVISION,
  });
}

const NARROWEST =
  ", as the tables of a dynamic feature, or of one with a store, are on the same ranks: the narrowest decides";
const NEXT_DIVISION =
  "Say rowWise, or remove the constraint. Rows are divided at multiples of four columns, and the number of parts divides that of the ranks.";

/** @throws ConfigError for a copy on every rank of a table that memory need not hold */
export function refuseStore({ table, store }: Pick<TableDemand, "table" | "store">, where: string): void {
  if (!store) return;
  throw new ConfigError({
    what: "a table with a store cannot be on every rank as a whole",
    where,
    got: `replicated, and store.memory "${store.memory}" of ${table}`,
    next: "Let the ranks share the table (rowWise), or remove the feature's store.",
  });
}

export type Part = keyof Seconds;

/** The rank that takes longest. */
export function slowestOf({ ranks }: RankPlan): Spending {
  return ranks.reduce((a, b) => (total(b.seconds) > total(a.seconds) ? b : a));
}

/** What a faster or larger machine would have to have more of: memory where nothing fits, else what the slowest rank does longest. */
export function bindingOf(plan: RankPlan): Part | "memory" {
  if (!plan.fits) return "memory";
  const { seconds } = slowestOf(plan);
  return (Object.keys(NO_SECONDS) as Part[]).reduce((a, b) => (seconds[b] > seconds[a] ? b : a));
}

/** Bytes of the rank whose memory is fullest. */
export const mostBytes = ({ ranks }: RankPlan): number => Math.max(...ranks.map(({ bytes }) => total(bytes)));
