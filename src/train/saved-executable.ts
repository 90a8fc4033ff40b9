import type { Backend, Executable, Memory, Translation } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { runDirOf } from "../checkpoint/paths.js";
import type { World } from "../distributed/world.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { Graph } from "../graph/graph.js";
import type { Placement } from "../graph/placement.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { placedParameters, shardingOf } from "../passes/shard.js";
import { batchOfInference } from "./evaluate.js";
import { memberNames } from "./members.js";
import { Parameters } from "./parameters.js";
import { savedParameters } from "./saved-parameters.js";
import { rowsPerStep } from "./step/gradient-accumulation.js";
import { parametersOf } from "./step/model-graphs.js";
import type { TrainedSections } from "./step/model-spec.js";
import { putInStoredTables } from "./stored-tables.js";
import { storesOf } from "./tiers.js";
import { slotsOfTables, Translations } from "./translations.js";

export interface ScoringOptions {
  readonly backend: Backend;
  /** Maximum rows per step. */
  readonly maxBatch: number;
  readonly threads?: number;
  /** False: large tables are read into memory, so that the files may change afterwards. Default: they are mapped. */
  readonly mapped?: boolean;
}

/** The forward pass with the parameters of a checkpoint. */
export interface ScoringExecutable {
  readonly executable: Executable;
  /** Rows per step, at most. */
  readonly batch: number;
}

export interface SavedExecutable extends ScoringExecutable {
  /** Compiles a part of the forward pass with the same parameters, and some of its own. */
  readonly compile: (graph: Graph, maxBatch?: number, own?: ReadonlyMap<string, Memory>) => Executable;
  readonly parameters: ReadonlyMap<string, Memory>;
  readonly backend: Backend;
  /** From ids to rows, by table name. */
  readonly translations: ReadonlyMap<string, Translation>;
  /** What changes can be applied to; absent if not all rows of all tables are in memory. */
  readonly state?: ScoringState;
}

/** The memory of a model that scores. */
export interface ScoringState {
  readonly checkpoint: Checkpoint;
  readonly attrs: readonly ParameterAttrs[];
  readonly parameters: ReadonlyMap<string, Memory>;
  readonly translations: Translations;
}

/** What a checkpoint describes. */
export interface ScoringModel {
  /** The forward pass. */
  readonly graph: Graph;
  readonly features: FittedFeatures;
}

/**
 * Compiles a model's forward pass with the parameters and translations of a checkpoint, verifying every byte.
 * @throws CheckpointError if it is damaged or belongs to another model
 */
export async function savedExecutable(
  checkpoint: Checkpoint,
  { graph, features }: ScoringModel,
  options: ScoringOptions,
): Promise<SavedExecutable> {
  const { backend, mapped = true } = options;
  const attrs = parametersOf(graph);
  const { memory: parameters, stored } = await savedParameters(checkpoint, backend, attrs, { mapped });
  const members = memberNames(checkpoint.manifest.members);
  const translations = new Translations(backend, features, { members });
  await translations.load(checkpoint, attrs);
  putInStoredTables(backend, translations.bound, stored);
  const state = { checkpoint, attrs, parameters, translations };
  const isWhole = !mapped && stored.size === 0;
  return { ...compiled(graph, state, options), ...(isWhole && { state }) };
}

/** The ranks that share a model's tables. */
export interface SharedBy {
  readonly world: World;
  /** As in training. Default: all share all tables by rows. */
  readonly placements?: ReadonlyMap<string, Placement>;
}

export interface SharedOptions extends Pick<ScoringOptions, "backend" | "threads">, SharedBy {
  /** Takes the parameters of the checkpoint, in place of memory that is allocated for them. None of them is in a tier. */
  readonly into?: Parameters;
}

/**
 * The same for ranks that score together: each reads its share of the tables into memory.
 * @throws CheckpointError if it is damaged or belongs to another model
 */
export async function sharedExecutable(
  checkpoint: Checkpoint,
  { config, graph, features }: ScoringModel & { readonly config: Pick<TrainedSections, "train"> },
  { backend, threads, world, placements, into }: SharedOptions,
): Promise<ScoringExecutable> {
  const attrs = placedParameters(graph, shardingOf(world.size, placements));
  const stores = storesOf(features, runDirOf(checkpoint.dir));
  const batch = batchOfInference(stores.size > 0, rowsPerStep(config.train));
  const parameters = into ?? new Parameters(backend, attrs, stores, world.rank);
  const members = memberNames(checkpoint.manifest.members);
  const translations = new Translations(backend, features, { members, slots: slotsOfTables(parameters.all) });
  for (const [table, tier] of parameters.tiers) tier.put(translations.bound.get(table)!);
  await translations.load(checkpoint, attrs);
  const file = await checkpoint.openModel();
  try {
    await parameters.loadModel(file);
  } finally {
    await file.close();
  }
  const bound = { translations: translations.bound, frozen: true };
  const options = { maxBatch: batch, threads, world, placements, ...bound };
  return { executable: backend.compile(graph, parameters.averaged, options), batch };
}

const NONE: ReadonlyMap<string, Memory> = new Map();

/** Compiles the forward pass with the parameters of a state. */
export function compiled(
  graph: Graph,
  { parameters, translations: { bound: translations } }: ScoringState,
  { backend, maxBatch, threads }: ScoringOptions,
): Omit<SavedExecutable, "state"> {
  const options = { threads, translations, frozen: true };
  const compile: SavedExecutable["compile"] = (part, rows = maxBatch, own = NONE) =>
    backend.compile(part, new Map([...parameters, ...own]), { ...options, maxBatch: rows });
  return { executable: compile(graph), batch: maxBatch, compile, translations, parameters, backend };
}
