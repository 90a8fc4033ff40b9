import type { Backend, DynamicTranslation, Translation } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import type { Tensors } from "../checkpoint/tensors.js";
import { CheckpointError, cleanedUp, PairloomError } from "../errors.js";
import type { FittedDynamic, FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { RowInitializer } from "../graph/initializer.js";
import { type SlotRange, slotsOf } from "../graph/placement.js";
import type { DynamicSpec, EvictionRule, IdPart, TranslationSpec } from "../graph/translation.js";
import { partName, partsOf } from "../layers/composed-embedding.js";
import { initializerOf } from "../layers/initializer.js";
import { streamOf } from "../layers/scope.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { type KeyedTables, loadKeys } from "./keyed-tables.js";
import type { Parameter } from "./parameter-memory.js";
import { ownColumns } from "./shards.js";
import { type TableReport, tableReport } from "./table-metrics.js";

/** The name of a translation's state among the tensors of a model. */
export const stateName = (table: string) => `translations.${table}`;

export interface TranslationOptions {
  /** The prefixes of members that have translations of their own. */
  readonly members?: readonly string[];
  /** Decides which keys are admitted, if this is drawn. */
  readonly seed?: number;
  /** The slots that a rank has of the dynamic tables which it shares with others, by table. */
  readonly slots?: ReadonlyMap<string, SlotRange>;
}

/** The translations of tables, by table name. Tables whose ids are their rows have none. */
export class Translations {
  /** Bound by training programs, which may give rows to new ids, and by evaluation. */
  readonly bound: ReadonlyMap<string, Translation>;
  /** Those that training may change; the others follow from the features. */
  private readonly tables: ReadonlyMap<string, Translation>;

  /** The rules of the dynamic tables. */
  private readonly rules: ReadonlyMap<string, EvictionRule>;

  /** Translations in their initial state. */
  constructor(
    backend: Backend,
    { features }: FittedFeatures,
    { members = [], seed = 0, slots }: TranslationOptions = {},
  ) {
    const specs = [...new Map(features.flatMap(specOfTable))];
    const prefixes = members.length === 0 ? [""] : members.map((member) => `${member}.`);
    this.tables = new Map(
      prefixes.flatMap((prefix) =>
        specs.map(([table, spec]) => {
          const draws = { seed, stream: streamOf(stateName(table)) };
          return [prefix + table, backend.translation(spec, draws, slots?.get(prefix + table))] as const;
        }),
      ),
    );
    this.rules = new Map(
      prefixes.flatMap((prefix) =>
        specs.flatMap(([table, spec]) =>
          spec.kind === "dynamic" ? [[prefix + table, spec.evict] as const] : [],
        ),
      ),
    );
    const computed = [...computedTranslations(features, prefixes)];
    this.bound = new Map([
      ...this.tables,
      ...computed.map(([name, spec]) => [name, backend.translation(spec)] as const),
    ]);
  }

  /** The dynamic tables, by name. */
  get dynamic(): ReadonlyMap<string, DynamicTranslation> {
    return new Map(
      [...this.tables].filter((entry): entry is [string, DynamicTranslation] => "attach" in entry[1]),
    );
  }

  /** True if training changes no other ones. */
  get areDynamic(): boolean {
    return this.plain.length === 0;
  }

  /** Attaches the memories of dynamic tables and of their optimizer states. */
  attach(parameters: readonly Parameter[], seed: number): void {
    attachMemories(this.dynamic, parameters, seed);
  }

  /** The dynamic tables, each with those of the parameters that have rows for its keys. */
  keyed<P extends ParameterAttrs | Parameter>(parameters: readonly P[]): KeyedTables<P>[] {
    const all = [...this.dynamic].map(([table, translation]) => {
      const isOfTable = (attrs: ParameterAttrs) => attrs.role === "table" && attrs.translation === table;
      const tables = parameters.filter((each) => isOfTable("attrs" in each ? each.attrs : each));
      return { state: stateName(table), translation, tables };
    });
    return all.filter(({ tables }) => tables.length > 0);
  }

  /** What the dynamic tables have become before step `step`, by name. */
  reports(step: number): Record<string, TableReport> {
    const { dynamic } = this;
    return Object.fromEntries(
      [...dynamic].map(([name, table]) => [name, tableReport(table, this.rules.get(name)!, step)]),
    );
  }

  /** The current states of those that are not dynamic, as tensors of a checkpoint's model file. */
  sources(): Map<string, TensorSource> {
    return new Map(this.plain.map(([table, translation]) => [stateName(table), tensorOf(translation)]));
  }

  /**
   * Restores the states of a checkpoint.
   * @param parameters those of the model
   * @param forTraining false: only what scoring needs
   * @throws CheckpointError if one is missing, damaged or does not fit
   */
  async load(
    checkpoint: Checkpoint,
    parameters: readonly ParameterAttrs[],
    { forTraining = false } = {},
  ): Promise<void> {
    const model = await checkpoint.openModel();
    try {
      const optimizer = forTraining ? await checkpoint.openOptimizer() : undefined;
      const read = () => this.read({ model, optimizer }, parameters, checkpoint.dir);
      await cleanedUp(read, async () => optimizer?.close());
    } finally {
      await model.close();
    }
  }

  /** {@link load} from the open files of a checkpoint; without `optimizer`, only what scoring needs. */
  async read(
    { model, optimizer }: { readonly model: Tensors; readonly optimizer?: Tensors },
    parameters: readonly ParameterAttrs[],
    dir: string,
  ): Promise<void> {
    for (const [table, translation] of this.plain) {
      const name = stateName(table);
      const state = new BigInt64Array(model.tensors.get(name)?.shape[0] ?? 0);
      await model.readInto(name, state);
      await restored(`${dir}: ${name}`, () => translation.restore(state));
    }
    for (const table of this.keyed(parameters))
      await restored(`${dir}: ${table.state}`, () => loadKeys(table, model, optimizer));
  }

  /** Gives the tables of a member the states that they have in a model of its own. */
  restoreMember(prefix: string, own: Translations): void {
    for (const [table, translation] of own.tables)
      this.tables.get(prefix + table)!.restore(translation.state());
  }

  private get plain(): [string, Translation][] {
    const { dynamic } = this;
    return [...this.tables].filter(([table]) => !dynamic.has(table));
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
  for (const parameter of parameters) {
    const { attrs, memory } = parameter;
    if (!attrs.byKey) continue;
    const [, width = 1] = attrs.shape;
    const columns = ownColumns(parameter);
    const init = attrs.init as RowInitializer;
    const rows = {
      width,
      columns,
      init,
      seed,
      stream: streamOf(attrs.name),
      weights: attrs.role === "table",
    };
    tables.get(attrs.translation!)!.attach(memory, rows);
  }
}

/** The slots that a rank has of shared dynamic tables, by their names. */
export function slotsOfTables(parameters: readonly Parameter[]): ReadonlyMap<string, SlotRange> {
  const shared = parameters.flatMap(({ attrs, shard }) =>
    attrs.byKey && shard ? [[attrs.translation!, slotsOf(shard.placement, shard.rank)] as const] : [],
  );
  return new Map(shared);
}

/**
 * The translations that follow from the ids alone, by name.
 * @param prefixes of the members
 */
export function computedTranslations(
  features: readonly FittedFeature[],
  prefixes: readonly string[],
): ReadonlyMap<string, IdPart> {
  return new Map([
    ...features.flatMap(specsOfParts),
    ...prefixes.flatMap((prefix) => features.flatMap((feature) => specOfStore(feature, prefix))),
  ]);
}

function specOfTable(feature: FittedFeature): [string, TranslationSpec][] {
  if (feature.kind === "number" || feature.translation === undefined) return [];
  const { table, translation } = feature;
  return [[table, translation.kind === "dynamic" ? dynamicSpec(translation) : translation]];
}

/** Ids are rows, of which not all are in memory. */
function specOfStore(feature: FittedFeature, prefix: string): [string, IdPart][] {
  if (feature.kind === "number" || !feature.store || feature.translation) return [];
  return [[prefix + feature.table, { kind: "quotient", by: 1, rows: feature.rows }]];
}

function specsOfParts(feature: FittedFeature): [string, IdPart][] {
  if (feature.kind === "number" || feature.composition === undefined) return [];
  return Object.values(partsOf(feature.rows)).map((part) => [partName(feature.table, part.kind), part]);
}

export function dynamicSpec({ evict, unknown, seedFrom: _, ...spec }: FittedDynamic): DynamicSpec {
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

async function restored(where: string, restore: () => void | Promise<void>): Promise<void> {
  try {
    await restore();
  } catch (cause) {
    const isOther = cause instanceof PairloomError && !(cause instanceof CheckpointError);
    throw isOther ? new CheckpointError({ ...cause.report, where }, { cause }) : cause;
  }
}
