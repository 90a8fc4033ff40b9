import { freemem, hostname } from "node:os";
import type { Config } from "../config/config.js";
import type { PreparedData } from "../data/index.js";
import { broadcastJson, gatherJson, type World } from "../distributed/world.js";
import { ConfigError, type ErrorReport, PairloomError } from "../errors.js";
import { leastFree } from "../plan/machine.js";
import { type Placements, placementsOf, readPlacements } from "../plan/plan-file.js";
import { waysOut } from "../plan/ways-out.js";
import { preparedPlanner } from "./plan-run.js";

/** Plans a run from what this process knows of it, and without a topology: where tables are best hardly depends on speeds. */
const AUTO = "auto";

type Prepared = Pick<PreparedData, "features" | "splits">;
/** What rank 0 tells the others. */
type Told =
  | { readonly placements: readonly (readonly [table: string, NonNullable<ReturnType<Placements["get"]>>])[] }
  | { readonly failed: ErrorReport };

/**
 * Where the ranks keep tables, as `train.plan` says; undefined if all share all of them. Every rank gets what rank 0 has planned
 * or read.
 * @throws ConfigError on every rank, if a model does not fit or a plan is for another run
 */
export async function agreedPlacements(
  config: Config,
  prepared: Prepared,
  world: World,
): Promise<Placements | undefined> {
  const { plan = config.train.placement && AUTO } = config.train;
  if (plan === undefined || world.size === 1) return undefined;
  const memory = leastFree(await gatherJson(world, { host: hostname(), free: freemem() }));
  const told = await broadcastJson<Told>(
    world,
    world.rank === 0 ? tell(() => found(plan, config, prepared, world.size, memory)) : undefined,
  );
  if ("failed" in told) throw new ConfigError(told.failed);
  return new Map(told.placements);
}

function tell(find: () => Placements): Told {
  try {
    return { placements: [...find()] };
  } catch (error) {
    if (!(error instanceof PairloomError)) throw error;
    return { failed: error.report };
  }
}

function found(plan: string, config: Config, prepared: Prepared, ranks: number, memory: number): Placements {
  const planner = preparedPlanner(config, prepared, { memory });
  if (plan !== AUTO) return readPlacements(plan, planner.tables(), ranks);
  const best = planner.plan(ranks);
  if (best.fits) return placementsOf(best);
  const [way] = waysOut(planner, best);
  throw new ConfigError({
    what: "the tables do not fit in the memory of the ranks",
    where: "train.plan",
    got: `${Math.round(memory)} bytes that are free for each of ${ranks} ranks`,
    next: `${way ? `It would fit with ${way.change}. ` : ""}npx pairloom plan shows what takes how much.`,
  });
}
