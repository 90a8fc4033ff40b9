import { readFileSync } from "node:fs";
import { z } from "zod";
import { ConfigError, messageOf } from "../errors.js";
import { type Placement, ranksOf, SLOTS } from "../graph/placement.js";
import { parseUntrusted } from "../untrusted.js";
import type { TableDemand } from "./demand.js";
import { bindingOf, mostBytes, type RankPlan, refuseStore } from "./rank-plan.js";
import type { WayOut } from "./ways-out.js";

/** A plan as JSON: what `plan --json` prints, and `train.plan` names. Seconds and bytes. */

const PLAN_VERSION = 1;
export const MOST_RANKS = 4096;

const whole = z.int().nonnegative();
const count = z.int().positive();

/** What training reads of a plan; the rest is for people and programs. */
const planSchema = z.looseObject({
  version: z.literal(PLAN_VERSION),
  fits: z.boolean(),
  ranks: z.array(z.looseObject({})).min(1).max(MOST_RANKS),
  tables: z.array(
    z.looseObject({
      name: z.string(),
      rows: count,
      dim: count,
      placement: z
        .strictObject({
          firstRank: whole,
          owners: count.max(SLOTS),
          turn: whole.optional(),
          starts: z.array(whole.max(SLOTS)).optional(),
          columns: count.optional(),
          copies: z.literal(true).optional(),
        })
        .refine(({ owners, starts }) => !starts || areStarts(starts, owners), {
          path: ["starts"],
          message: "the first slots of all shares, ascending from 0",
        }),
    }),
  ),
});

const areStarts = (slots: readonly number[], shares: number): boolean =>
  slots.length === shares && slots[0] === 0 && slots.every((slot, i) => i === 0 || slots[i - 1] <= slot);

/** Which ranks have a table, by the name of its parameter. */
export type Placements = ReadonlyMap<string, Placement>;

export function planFile(plan: RankPlan, ways: readonly WayOut[]) {
  const { model, tables, ranks, fits, seconds, bound, exact } = plan;
  const { batch, geometry } = model.demand;
  const sent = model.sent(placementsOf(plan));
  return {
    version: PLAN_VERSION,
    fits,
    batch,
    accumulationGroups: geometry.groups,
    seconds,
    samplesPerSecond: batch / seconds,
    bound,
    exact,
    binding: bindingOf(plan),
    memory: { limit: model.machine.memory, most: mostBytes(plan) },
    tables: tables.map(({ table, place, why }) => {
      const { ids, asked, measured } = model.lookupsOf(table);
      const { name, rows, dim, dtype, weights, states } = table;
      return {
        name,
        rows,
        dim,
        dtype,
        bytes: { tables: rows * weights, states: rows * states },
        lookups: { ids, rows: asked[asked.length - 1], measured },
        ...place,
        why,
      };
    }),
    ranks: ranks.map((each, rank) => ({ ...each, sent: Object.fromEntries(sent[rank]) })),
    guesses: model.machine.guesses,
    waysOut: ways,
  };
}

export function placementsOf({ tables }: RankPlan): Placements {
  return new Map(tables.map(({ table, place }) => [table.name, place.placement]));
}

/**
 * The placements of a plan, for the tables of a run.
 * @throws ConfigError if it cannot be read, or is a plan for other tables or another number of ranks
 */
export function readPlacements(
  path: string,
  tables: readonly Pick<TableDemand, "name" | "table" | "rows" | "dim" | "parts" | "store">[],
  ranks: number,
): Placements {
  const next = "Write it for this config and this number of ranks: npx pairloom plan --ranks … --output.";
  const plan = readJson(path, planSchema, { what: "the plan cannot be read", next });
  const check = (name: string, got: unknown, expected: unknown): void => {
    if (got === expected) return;
    const where = name === "" ? path : `${path}, ${name}`;
    const texts = { got: String(got), expected: String(expected) };
    throw new ConfigError({ what: "the plan is for another run", where, ...texts, next });
  };
  check("", `${plan.ranks.length} ranks`, `${ranks} ranks`);
  check("", namesOf(plan.tables), namesOf(tables));
  const planned = new Map(plan.tables.map((table) => [table.name, table]));
  for (const own of tables) {
    const { name, rows, dim } = own;
    const table = planned.get(name)!;
    const { firstRank, columns = 1, copies } = table.placement;
    if (copies) refuseStore(own, `${path}, ${name}`);
    check(name, `rows in ${Math.max(columns, own.parts)} parts`, `rows in ${own.parts} parts`);
    check(name, `${table.rows} x ${table.dim}`, `${rows} x ${dim}`);
    check(name, `rank ${Math.max(firstRank + ranksOf(table.placement), ranks) - 1}`, `rank ${ranks - 1}`);
  }
  return new Map(plan.tables.map(({ name, placement }) => [name, placement]));
}

const namesOf = (tables: readonly { readonly name: string }[]): string =>
  tables
    .map(({ name }) => name)
    .sort()
    .join(", ");

/** A JSON file from anyone. @throws ConfigError */
export function readJson<S extends z.ZodType>(
  path: string,
  schema: S,
  { what, next }: { readonly what: string; readonly next: string },
): z.output<S> {
  const fault = (got: string, cause?: unknown) =>
    new ConfigError({ what, where: path, got, next }, { cause });
  let value: unknown;
  try {
    value = parseUntrusted(readFileSync(path, "utf8"));
  } catch (error) {
    throw fault(messageOf(error), error);
  }
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  const [{ path: at, message }] = error.issues;
  throw fault(at.length > 0 ? `${at.join(".")}: ${message}` : message);
}
