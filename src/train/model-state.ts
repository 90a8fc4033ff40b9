import type { Backend, ChangeConsumer } from "../backends/backend.js";
import type { Checkpoint, CheckpointContent } from "../checkpoint/index.js";
import { SOLO, type World } from "../distributed/world.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { ParameterAttrs } from "../ops/sources.js";
import type { GrownTables } from "./grown-tables.js";
import { changedPlaces, savedKeys } from "./keyed-tables.js";
import { Parameters } from "./parameters.js";
import { keptKeys, type PickedRows, pickedRows, ShardCheckpoints, type SharedTable } from "./shards.js";
import { storesOf } from "./tiers.js";
import type { TrainConfig } from "./train-config.js";
import { slotsOfTables, stateName, Translations } from "./translations.js";

export interface ModelStateOptions {
  readonly backend: Backend;
  readonly features: FittedFeatures;
  readonly train: Pick<TrainConfig, "seed" | "checkpoint" | "publish">;
  /** Of the rows that memory need not hold, where a feature names no directory. */
  readonly runDir: string;
  /** The ranks that share the tables whose attributes have a placement. */
  readonly world?: World;
}

/** What a checkpoint holds changes to, and who wants to know of them. */
export interface ChangesOf {
  /** Undefined: the checkpoint is complete. */
  readonly changesTo?: Checkpoint;
  readonly consumer: ChangeConsumer;
}

/** What training changes of a model: its parameters, and the translations of its tables, whose memories are attached. */
export class ModelState {
  readonly parameters: Parameters;
  readonly translations: Translations;
  private readonly shards?: ShardCheckpoints;

  /** Allocates everything, uninitialized. @throws ExecutionError naming the table that is too large */
  constructor(options: ModelStateOptions, attrs: readonly ParameterAttrs[]) {
    const { backend, features, train, runDir, world = SOLO } = options;
    this.parameters = new Parameters(backend, attrs, storesOf(features, runDir), world.rank);
    if (world.size > 1) this.shards = new ShardCheckpoints(world, (changes) => this.shared(changes));
    if (train.checkpoint.full || train.publish) this.parameters.trackChanges();
    const slots = slotsOfTables(this.parameters.all);
    this.translations = new Translations(backend, features, { seed: train.seed, slots });
    this.translations.attach(this.parameters.all, train.seed);
    for (const [table, tier] of this.parameters.tiers) tier.put(this.translations.bound.get(table)!);
  }

  /**
   * Takes the state of a checkpoint.
   * @param grown tables that have more rows here (see {@link Parameters.load})
   * @throws CheckpointError
   */
  async load(checkpoint: Checkpoint, grown?: GrownTables): Promise<void> {
    const model = await checkpoint.openModel();
    try {
      const optimizer = await checkpoint.openOptimizer();
      try {
        await this.parameters.load({ model, optimizer }, grown);
        const attrs = this.parameters.model.map((parameter) => parameter.attrs);
        await this.translations.read({ model, optimizer }, attrs, checkpoint.dir);
      } finally {
        await optimizer.close();
      }
    } finally {
      await model.close();
    }
  }

  /** What this rank writes of the tables that ranks share: everything, or the changes that a consumer wants. */
  private shared(changes?: ChangeConsumer): SharedTable[] {
    const { parameters } = this;
    const fixed = changes === undefined ? parameters.touchedRows() : parameters.changedRows(changes);
    const keys = new Map<string, PickedRows>();
    return parameters.shared.map((shared) => {
      const { name, byKey, translation } = shared.table.attrs;
      if (!byKey) return { ...shared, picked: pickedRows(shared.table, fixed.get(name)) };
      if (!keys.has(translation!)) keys.set(translation!, this.keptKeys(translation!, changes));
      return { ...shared, picked: keys.get(translation!) };
    });
  }

  /** The keys whose rows this rank keeps of a dynamic table: all, or those whose rows have changed in any of its tables. */
  private keptKeys(table: string, changes?: ChangeConsumer): PickedRows {
    const { translations, parameters } = this;
    const kept = keptKeys(translations.dynamic.get(table)!);
    if (changes === undefined) return kept;
    const ofTable = translations.keyed(parameters.model).find(({ state }) => state === stateName(table))!;
    const places = changedPlaces(kept.rows, ofTable.tables, changes);
    return {
      keys: BigUint64Array.from(places, (i) => kept.keys[i]),
      rows: places.map((i) => kept.rows[i]),
    };
  }

  /**
   * Saves a checkpoint: rank 0 calls `save`, while the other ranks write the rows that they own. All ranks call it at the same
   * time, and get what `save` returns.
   * @throws CheckpointError on every rank, if one of them fails
   */
  async saving<T extends string | undefined>(save: () => Promise<T>): Promise<T> {
    return this.shards ? this.shards.saving(save) : save();
  }

  /** The tensors of a checkpoint: the current state, or what has changed since the newest one that the consumer has written. */
  async tensors({
    changesTo,
    consumer,
  }: ChangesOf): Promise<Pick<CheckpointContent, "model" | "optimizer" | "tables" | "changesTo" | "shards">> {
    const { parameters, translations, shards } = this;
    const keys = changesTo && (await shards?.changedKeys(consumer));
    const changes = changesTo && { changesTo, consumer, keys };
    const keyed = await savedKeys(translations.keyed(parameters.model), changes);
    const fixed = changesTo ? parameters.changedRows(consumer) : parameters.touchedRows();
    const rows = new Map([...fixed, ...keyed.rows]);
    return {
      model: new Map([...parameters.sources("model", rows), ...translations.sources(), ...keyed.model]),
      optimizer: new Map([...parameters.sources("optimizer", rows), ...keyed.optimizer]),
      tables: parameters.tables(rows),
      changesTo,
      shards: shards && ((dir, parts) => shards.collect(dir, { changesTo, consumer }, parts)),
    };
  }
}
