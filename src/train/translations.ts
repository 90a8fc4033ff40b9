import type { Backend, DynamicTranslation, Translation } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import { CheckpointError, PairloomError } from "../errors.js";
import type { FittedDynamic, FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { RowInitializer } from "../graph/initializer.js";
import type { DynamicSpec, TranslationSpec } from "../graph/translation.js";
import { partName, partsOf } from "../layers/composed-embedding.js";
import { initializerOf } from "../layers/initializer.js";
import { streamOf } from "../layers/scope.js";
import type { ParameterAttrs } from "../ops/sources.js";
import type { Parameter } from "./parameter-memory.js";
import type { RowsOfTables } from "./saved-rows.js";

/** The name of a translation's state among the tensors of a model. */
export const stateName = (table: string) => `translations.${table}`;

export interface TranslationOptions {
  /** The prefixes of members that have translations of their own. */
  readonly members?: readonly string[];
  /** Decides which keys are admitted, if this is drawn. */
  readonly seed?: number;
}

/** The translations of tables, by table name. Tables whose ids are their rows have none. */
export class Translations {
  /** Bound by training programs, which may give rows to new ids, and by evaluation. */
  readonly bound: ReadonlyMap<string, Translation>;
  /** Those that training may change; the others follow from the features. */
  private readonly tables: ReadonlyMap<string, Translation>;

  /** Translations in their initial state. */
  constructor(
    backend: Backend,
    { features }: FittedFeatures,
    { members = [], seed = 0 }: TranslationOptions = {},
  ) {
    const specs = [...new Map(features.flatMap(specOfTable))];
    const prefixes = members.length === 0 ? [""] : members.map((member) => `${member}.`);
    this.tables = new Map(
      prefixes.flatMap((prefix) =>
        specs.map(([table, spec]) => {
          const draws = { seed, stream: streamOf(stateName(table)) };
          return [prefix + table, backend.translation(spec, draws)] as const;
        }),
      ),
    );
    const parts = new Map(features.flatMap(specsOfParts));
    this.bound = new Map([
      ...this.tables,
      ...[...parts].map(([name, spec]) => [name, backend.translation(spec)] as const),
    ]);
  }

  /** The dynamic tables, by name. */
  get dynamic(): ReadonlyMap<string, DynamicTranslation> {
    return new Map(
      [...this.tables].filter((entry): entry is [string, DynamicTranslation] => "attach" in entry[1]),
    );
  }

  /** Attaches the memories of dynamic tables and of their optimizer states. */
  attach(parameters: readonly Parameter[], seed: number): void {
    attachMemories(this.dynamic, parameters, seed);
  }

  /**
   * The rows of the dynamic tables among the parameters, in the order of checkpoints: that of the keys without a row, then one
   * for each key. `restore` numbers them in this order.
   */
  savedRows(parameters: readonly ParameterAttrs[]): RowsOfTables {
    const { dynamic } = this;
    const tables = parameters.filter(({ byKey, role }) => byKey && role === "table");
    return new Map(
      tables.map(({ name, shape, translation }) => {
        const { keys, rows } = dynamic.get(translation!)!.keys();
        const content = { capacity: shape[0] - 1, keys: new BigUint64Array(keys.buffer) };
        return [name, { rows: Uint32Array.from([0, ...rows]), content }];
      }),
    );
  }

  /** Their current states, as tensors of a checkpoint's model file. */
  sources(): Map<string, TensorSource> {
    return new Map([...this.tables].map(([table, translation]) => [stateName(table), tensorOf(translation)]));
  }

  /**
   * Restores the states of a checkpoint.
   * @throws CheckpointError if one is missing, damaged or does not fit
   */
  async load(checkpoint: Checkpoint): Promise<void> {
    const file = await checkpoint.openModel();
    try {
      for (const [table, translation] of this.tables) {
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

/**
 * Lets rows of dynamic tables get their initial values, and those of their optimizer states, when a key gets them. The draws
 * are those of a fixed table whose rows are the keys.
 * @param tables by name
 */
export function attachMemories(
  tables: ReadonlyMap<string, DynamicTranslation>,
  parameters: readonly Parameter[],
  seed: number,
): void {
  for (const { attrs, memory } of parameters) {
    if (!attrs.byKey) continue;
    const [, width = 1] = attrs.shape;
    const init = attrs.init as RowInitializer;
    const rows = { width, init, seed, stream: streamOf(attrs.name), weights: attrs.role === "table" };
    tables.get(attrs.translation!)!.attach(memory, rows);
  }
}

function specOfTable(feature: FittedFeature): [string, TranslationSpec][] {
  if (feature.kind === "number" || feature.translation === undefined) return [];
  const { table, translation } = feature;
  return [[table, translation.kind === "dynamic" ? dynamicSpec(translation) : translation]];
}

function specsOfParts(feature: FittedFeature): [string, TranslationSpec][] {
  if (feature.kind === "number" || feature.composition === undefined) return [];
  return Object.values(partsOf(feature.rows)).map((part) => [partName(feature.table, part.kind), part]);
}

export function dynamicSpec({ evict, unknown, ...spec }: FittedDynamic): DynamicSpec {
  return {
    ...spec,
    evict: typeof evict === "string" ? { kind: evict } : evict,
    unknown: typeof unknown === "string" ? unknown : (initializerOf(unknown) as RowInitializer),
  };
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
