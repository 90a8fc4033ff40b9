import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHANGE_CONSUMERS, type DynamicTranslation } from "../src/backends/backend.js";
import { type Checkpoint, type CheckpointContent, writeCheckpoint } from "../src/checkpoint/index.js";
import { KEYS } from "../src/graph/translation.js";
import { selectBackend } from "../src/saved/backend.js";
import { count } from "../src/show-value.js";
import { type KeyedTables, loadKeys, savedKeys } from "../src/train/keyed-tables.js";
import { Parameters } from "../src/train/parameters.js";
import { parametersOf } from "../src/train/step/model-graphs.js";
import { attachMemories } from "../src/train/translations.js";
import type { Figure } from "./figure.js";
import { FIELD, oneTableGraph } from "./one-table.js";

const DIM = 16;
const ROWS = 1_000_000;
/** Bytes of a row with the accumulator of Adagrad. */
const ROW_BYTES = 8 * DIM;
const PIECE = 1 << 13;
const consumer = CHANGE_CONSUMERS.checkpoint;

/**
 * What checkpoints of a table cost where its rows lie in the order of its keys, and where each has moved: in processor time of all
 * threads, since the disk is the same for all.
 */
export const tableCheckpoints: Figure = {
  title: `checkpoints of a table with ${DIM} numbers a row and Adagrad, processor time in ns a row (the least)`,
  async run({ rounds, tableRows = ROWS, data = tmpdir() }) {
    const folder = mkdtempSync(join(data, "pairloom-checkpoints-"));
    const least = new Map<string, number>();
    const timed: Timed = async (name, work) => {
      const { user, system } = process.cpuUsage();
      const result = await work();
      const now = process.cpuUsage();
      const each = (1000 * (now.user + now.system - user - system)) / tableRows;
      least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, each));
      return result;
    };
    for (let round = 0; round < rounds; round++) await measure(timed, tableRows, join(folder, `${round}`));
    rmSync(folder, { recursive: true });
    return {
      head: [`${count(tableRows)} rows`, "ns a row"],
      rows: [...least].map(([name, each]) => [name, each.toFixed(0)]),
    };
  },
};

type Timed = <T>(name: string, work: () => Promise<T>) => Promise<T>;

async function measure(timed: Timed, rows: number, dir: string): Promise<void> {
  await timed("plain write of as many bytes", () => plainWrite(`${dir}-plain`, rows * ROW_BYTES));
  const fixed = new SavedModel(rows, false);
  await timed("fixed table, saved", () => fixed.save(`${dir}-fixed`, 1));
  const moved = new SavedModel(rows, true);
  moved.insert(0, 2 * rows);
  const complete = await timed("dynamic table, every row of which has moved, saved", () =>
    moved.save(`${dir}-moved`, 1),
  );
  const loaded = new SavedModel(rows, true);
  await timed("the same, loaded", () => loaded.load(complete));
  await timed("the same, saved again, rows in order", () => loaded.save(`${dir}-ordered`, 1));
  moved.insert(2 * rows, 2.01 * rows);
  const changes = await timed("changes to 1 % of the rows, saved", () =>
    moved.save(`${dir}-moved`, 2, complete),
  );
  await timed("the same with its base, loaded", () => loaded.load(changes));
  for (const name of ["fixed", "moved", "ordered"]) rmSync(`${dir}-${name}`, { recursive: true });
}

async function plainWrite(path: string, bytes: number): Promise<void> {
  const buffer = Buffer.alloc(512 << 10, 1);
  const file = await open(path, "w");
  for (let written = 0; written < bytes; written += buffer.length) await file.write(buffer);
  await file.sync();
  await file.close();
  rmSync(path);
}

/** A model that is hardly more than one table. */
class SavedModel {
  private readonly parameters: Parameters;
  private readonly keyed: readonly KeyedTables[];

  constructor(rows: number, isDynamic: boolean) {
    const { backend } = selectBackend();
    const graph = oneTableGraph(DIM, { rows: rows + 1, ...(isDynamic && { translation: { ids: KEYS } }) });
    this.parameters = new Parameters(backend, parametersOf(graph));
    this.parameters.trackChanges();
    this.parameters.initialize(1);
    const tables = this.parameters.model.filter(({ attrs }) => attrs.byKey);
    const spec = { kind: "dynamic", capacity: rows, evict: { kind: "lru" }, unknown: "zero" } as const;
    const translation: DynamicTranslation = backend.translation(spec);
    this.keyed = tables.length > 0 ? [{ state: `${FIELD}/state`, translation, tables }] : [];
    if (isDynamic) attachMemories(new Map([[FIELD, translation]]), this.parameters.all, 0);
  }

  /** Keys without any order; beyond as many as there is room for, each evicts one. */
  insert(first: number, end: number): void {
    for (let next = first; next < end; next += PIECE) {
      const keys = Array.from({ length: Math.min(PIECE, end - next) }, (_, i) => BigInt(next + i));
      const mixed = keys.map((key) => BigInt.asIntN(64, key * 0x9e3779b97f4a7c15n));
      for (const { translation } of this.keyed) translation.insert(BigInt64Array.from(mixed));
    }
  }

  async save(dir: string, step: number, changesTo?: Checkpoint): Promise<Checkpoint> {
    const { parameters } = this;
    const { rows, model, optimizer } = await savedKeys(this.keyed, changesTo && { changesTo, consumer });
    const position = { step, epoch: 0, epochStep: 0, seed: 0 };
    const content: CheckpointContent = {
      ...{ ...position, reader: {}, trainer: {}, config: {}, features: {}, metrics: {}, changesTo },
      model: new Map([...parameters.sources("model", rows), ...model]),
      optimizer: new Map([...parameters.sources("optimizer", rows), ...optimizer]),
      tables: parameters.tables(rows),
    };
    const saved = await writeCheckpoint(dir, content);
    parameters.clearChanges(consumer);
    return saved;
  }

  async load(checkpoint: Checkpoint): Promise<void> {
    const [model, optimizer] = [await checkpoint.openModel(), await checkpoint.openOptimizer()];
    await this.parameters.load({ model, optimizer });
    for (const each of this.keyed)
      await loadKeys({ ...each, tables: each.tables.map(({ attrs }) => attrs) }, model, optimizer);
    await model.close();
    await optimizer.close();
  }
}
