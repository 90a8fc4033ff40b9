import { ConfigError } from "../errors.js";
import { SLOTS } from "../graph/placement.js";
import { ALL_CACHED, total } from "./cost.js";
import type { TableDemand } from "./demand.js";
import type { Change, Planner } from "./planner.js";
import { mostBytes, type RankPlan } from "./rank-plan.js";
import { MOST_WORK } from "./solve.js";

/** A change with which a model fits that does not fit otherwise. */
export interface WayOut {
  readonly change: string;
  /** Of a step. */
  readonly seconds: number;
  /** Of the fullest rank. */
  readonly bytes: number;
}

const MOST = 3;
/** Numbers of ranks that are tried. */
const TRIES = 12;
/** Features that are named. */
const SHOWN = 4;
/** Of search, for each change. */
const WORK = MOST_WORK / 5;

/** The changes with the fastest steps, up to three. */
export function waysOut(planner: Planner, plan: RankPlan): WayOut[] {
  const ways = [
    halfRows(planner, plan),
    rowStates(planner, plan),
    moreRanks(planner, plan),
    files(planner, plan),
  ];
  return ways
    .flatMap((way) => way ?? [])
    .sort((a, b) => a.seconds - b.seconds)
    .slice(0, MOST);
}

function halfRows(planner: Planner, { ranks, model }: RankPlan): WayOut | undefined {
  const { tables } = model.demand;
  if (tables.every(({ dtype }) => dtype !== "fp32")) return undefined;
  const half = (table: TableDemand): TableDemand =>
    table.dtype === "fp32" ? { ...table, dtype: "bf16", weights: table.weights / 2 } : table;
  return tried(planner, ranks.length, { tables: half }, `dtype: "bf16" of all tables`);
}

/** One number a row, in place of one for each weight. Ranks with columns of the same rows then get the sums of whole rows. */
function rowStates(planner: Planner, { ranks, model }: RankPlan): WayOut | undefined {
  const { tables } = model.demand;
  if (tables.every(({ states }) => states <= ROW_STATE)) return undefined;
  const small = ({ wholeRows, ...table }: TableDemand): TableDemand => {
    const states = Math.min(table.states, ROW_STATE);
    return { ...table, states, rowStates: states, wholeRows: { ...wholeRows, sums: true, told: [] } };
  };
  return tried(
    planner,
    ranks.length,
    { tables: small },
    'train.optimizer.embedding.kind: "rowWiseAdagrad" (another result)',
  );
}

const ROW_STATE = 4;

function moreRanks(planner: Planner, plan: RankPlan): WayOut | undefined {
  const { ranks, model } = plan;
  const base = total(model.base().bytes);
  const tables = ranks.reduce((sum, { bytes }) => sum + total(bytes) - base, 0);
  const least = Math.max(ranks.length + 1, Math.ceil(tables / (model.machine.memory - base)));
  const most = Math.min(SLOTS, model.demand.geometry.groups);
  for (let count = least, i = 0; count <= most && i < TRIES; count++, i++) {
    const found = tried(planner, count, {}, `${count} ranks in place of ${ranks.length}`);
    if (found) return found;
  }
  return undefined;
}

function files(planner: Planner, { ranks }: RankPlan): WayOut | undefined {
  const found = fitting(planner, ranks.length, { files: true });
  if (!found) return undefined;
  return {
    change: `store: { memory } of ${storesOf(found)}; a guess: files give ${found.model.machine.disk / 1e6} MB/s`,
    seconds: found.seconds,
    bytes: mostBytes(found),
  };
}

/** The features with a store, and the share of each in memory. */
function storesOf({ tables }: RankPlan): string {
  const stored = tables.filter(({ place }) => place.cached < ALL_CACHED);
  const features = [...new Set(stored.map(({ table, place }) => `${table.table} (${10 * place.cached} %)`))];
  const shown = features.slice(0, SHOWN);
  const more = features.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

function tried(planner: Planner, ranks: number, change: Change, text: string): WayOut | undefined {
  const plan = fitting(planner, ranks, change);
  return plan && { change: text, seconds: plan.seconds, bytes: mostBytes(plan) };
}

/** A change is no way out where constraints, or what each rank needs of its own, leave no plan with it. */
function fitting(planner: Planner, ranks: number, change: Change): RankPlan | undefined {
  try {
    const plan = planner.plan(ranks, { ...change, work: WORK });
    return plan.fits ? plan : undefined;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
