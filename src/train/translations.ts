import type { Backend, Translation } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import { CheckpointError, PairloomError } from "../errors.js";
import type { FittedFeature, FittedFeatures } from "../features/fitted.js";

/** The name of a translation's state among the tensors of a model. */
export const stateName = (table: string) => `translations.${table}`;

/** The translations of tables, by table name. Tables whose ids are their rows have none. */
export class Translations {
  /** Bound by training programs, which may give rows to new ids, and by evaluation. */
  readonly bound: ReadonlyMap<string, Translation>;

  /**
   * Translations in their initial state.
   * @param members the prefixes of members that have translations of their own
   */
  constructor(backend: Backend, { features }: FittedFeatures, members: readonly string[] = []) {
    const specs = new Map(features.flatMap(translated));
    const prefixes = members.length === 0 ? [""] : members.map((member) => `${member}.`);
    const all = [...specs].flatMap(([table, spec]) =>
      prefixes.map((prefix) => [prefix + table, spec] as const),
    );
    this.bound = new Map(all.map(([name, spec]) => [name, backend.translation(spec)]));
  }

  /** Their current states, as tensors of a checkpoint's model file. */
  sources(): Map<string, TensorSource> {
    return new Map([...this.bound].map(([table, translation]) => [stateName(table), tensorOf(translation)]));
  }

  /**
   * Restores the states of a checkpoint.
   * @throws CheckpointError if one is missing, damaged or does not fit
   */
  async load(checkpoint: Checkpoint): Promise<void> {
    const file = await checkpoint.openModel();
    try {
      for (const [table, translation] of this.bound) {
        const name = stateName(table);
        const state = new BigInt64Array(file.tensors.get(name)?.shape[0] ?? 0);
        await file.readInto(name, state);
        restore(translation, state, `${checkpoint.dir}: ${name}`);
      }
    } finally {
      await file.close();
    }
  }
}

function translated(feature: FittedFeature) {
  if (feature.kind === "number" || feature.translation === undefined) return [];
  return [[feature.table, feature.translation] as const];
}

function tensorOf(translation: Translation): TensorSource {
  const data = translation.state();
  return { dtype: "I64", shape: [data.length], data };
}

function restore(translation: Translation, state: BigInt64Array, where: string): void {
  try {
    translation.restore(state);
  } catch (cause) {
    throw cause instanceof PairloomError ? new CheckpointError({ ...cause.report, where }, { cause }) : cause;
  }
}
