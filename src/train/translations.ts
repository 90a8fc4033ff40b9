import type { Backend } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import { CheckpointError, PairloomError } from "../errors.js";
import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { Translation } from "../graph/translation.js";

/** The name of a translation's state among the tensors of a model. */
export const stateName = (table: string) => `translations.${table}`;

/** What turns the ids of tables into rows, by the table's name; a table whose ids are its rows has none. */
export class Translations {
  /** What programs bind: training, which may give rows to new ids, and evaluation see the same. */
  readonly bound: ReadonlyMap<string, Translation>;

  /** Translations as training begins with them. */
  constructor(backend: Backend, { features }: FittedFeatures) {
    const specs = new Map(features.flatMap(translated));
    this.bound = new Map([...specs].map(([table, spec]) => [table, backend.translation(spec)]));
  }

  /** What the model file of a checkpoint has of them: their states, as they are now. */
  sources(): Map<string, TensorSource> {
    return new Map([...this.bound].map(([table, translation]) => [stateName(table), tensorOf(translation)]));
  }

  /** Takes over the states of a checkpoint. @throws CheckpointError where one is missing, damaged or does not fit */
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
