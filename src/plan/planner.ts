import type { ColumnSet } from "../columns/columns.js";
import type { Topology } from "../distributed/topology.js";
import { ConfigError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import { CostModel, total } from "./cost.js";
import { type Counting, countEntries, countLookups } from "./count-lookups.js";
import { type Demand, demandOf, type Stores, type TableDemand, tablesOf } from "./demand.js";
import { guessedLookups, type TableLookups } from "./lookups.js";
import { type Machine, machineOf, USABLE } from "./machine.js";
import { type PlanningOptions, planRanks, type RankPlan } from "./rank-plan.js";
import { groupsOf } from "./ranks.js";

/** A model, the data that it is trained on if that has been read, and the machines. */
export interface PlannerOptions extends Pick<PlanningOptions, "constraints"> {
  readonly training: Graph;
  readonly inference: Graph;
  /** Rows of a step, over all ranks. */
  readonly batch: number;
  readonly groups?: number;
  readonly stores?: Stores;
  readonly data?: ColumnSet;
  readonly counting?: Counting;
  readonly topology?: Topology;
  /** Bytes, and threads, of each rank. */
  readonly memory?: number;
  readonly threads?: number;
  /** What is not certain of the model's sizes. */
  readonly guesses?: readonly string[];
}

/** What is other than the config says, to see what that would cost. */
export interface Change extends Pick<PlanningOptions, "files" | "work"> {
  readonly tables?: (table: TableDemand) => TableDemand;
}

/** Plans a model for different numbers of ranks. */
export class Planner {
  /** By the number of ranks: the programs are compiled for it. */
  private readonly demands = new Map<number, Demand>();

  constructor(readonly options: PlannerOptions) {}

  /**
   * @throws ConfigError if there is not even memory for what each rank has of its own, or for a constraint on what does not
   * exist
   */
  plan(ranks: number, { tables = (table) => table, ...planning }: Change = {}): RankPlan {
    const { topology, memory, threads, constraints } = this.options;
    const machine = machineOf({ ranks, topology, memory, threads });
    const { tables: before, ...demand } = this.demand(ranks);
    const changed = { ...demand, tables: before.map(tables) };
    const { data, counting = {} } = this.options;
    const entries = data && countEntries(changed, data, counting);
    const model = new CostModel(changed, this.lookups(changed), this.withGuesses(machine), entries);
    refuseLittleMemory(model);
    return planRanks(model, { constraints, ...planning });
  }

  /** The tables that ranks share. */
  tables(): readonly TableDemand[] {
    const { training, inference, stores } = this.options;
    return tablesOf(training, inference, stores);
  }

  private demand(ranks: number): Demand {
    const demand = this.demands.get(ranks) ?? demandOf({ ...this.options, ranks });
    this.demands.set(ranks, demand);
    return demand;
  }

  private lookups(demand: Demand): Map<string, TableLookups> {
    const { data, counting = {} } = this.options;
    const { batch, geometry, ranks, tables } = demand;
    const nodes = Math.max(...groupsOf(batch, geometry, ranks).map((each) => each.nodes.length));
    const guessed = tables.map(
      (table) => [table.name, guessedLookups(table, { batch, ranks, nodes })] as const,
    );
    return new Map([...guessed, ...(data ? countLookups(demand, data, counting) : [])]);
  }

  private withGuesses(machine: Machine): Machine {
    const { data, guesses = [] } = this.options;
    const ids = data ? [] : ["ids: as frequent as in a power law, one in a list (--measure counts them)"];
    return { ...machine, guesses: [...guesses, ...ids, ...machine.guesses] };
  }
}

function refuseLittleMemory(model: CostModel): void {
  const own = total(model.base().bytes);
  const row = Math.max(0, ...model.demand.tables.map(({ weights, states }) => weights + states));
  const { memory } = model.machine;
  if (own + row <= memory) return;
  throw new ConfigError({
    what: "a rank has no memory for any row of a table",
    where: "--memory",
    got: `${Math.floor(memory)} bytes, of which what every rank needs takes ${Math.ceil(own)}`,
    expected: `at least ${Math.ceil((own + row) / USABLE)} bytes`,
    next: "Give each rank more memory, or lower train.batchSize or the model's dense layers.",
  });
}
