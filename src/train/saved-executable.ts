import type { Backend, Executable, Translation } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { Graph } from "../graph/graph.js";
import { memberName } from "./members.js";
import { savedParameters } from "./saved-parameters.js";
import { parametersOf } from "./step/model-graphs.js";
import { Translations } from "./translations.js";

export interface ScoringOptions {
  readonly backend: Backend;
  /** Maximum rows per step. */
  readonly maxBatch: number;
  readonly threads?: number;
  /** False: large tables are read into memory, so that the files may change afterwards. Default: they are mapped. */
  readonly mapped?: boolean;
}

export interface SavedExecutable {
  readonly executable: Executable;
  /** Compiles a part of the forward pass with the same parameters. */
  readonly compile: (graph: Graph, maxBatch?: number) => Executable;
  /** From ids to rows, by table name. */
  readonly translations: ReadonlyMap<string, Translation>;
}

/**
 * Compiles a model's forward pass with the parameters and translations of a checkpoint, verifying every byte.
 * @throws CheckpointError if it is damaged or belongs to another model
 */
export async function savedExecutable(
  checkpoint: Checkpoint,
  { graph, features }: { readonly graph: Graph; readonly features: FittedFeatures },
  { backend, maxBatch, threads, mapped }: ScoringOptions,
): Promise<SavedExecutable> {
  const attrs = parametersOf(graph);
  const { memory, stored } = await savedParameters(checkpoint, backend, attrs, { mapped });
  const members = checkpoint.manifest.members?.map((_, k) => memberName(k));
  const translations = new Translations(backend, features, { members });
  await translations.load(checkpoint, attrs);
  for (const [name, table] of stored) backend.putInStoredRows!(translations.bound.get(name)!, table);
  const options = { threads, translations: translations.bound, frozen: true };
  const compile = (part: Graph, rows = maxBatch) =>
    backend.compile(part, memory, { ...options, maxBatch: rows });
  return { executable: compile(graph), compile, translations: translations.bound };
}
