import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../errors.js";
import { type Checkpoint, MODEL_FILE, OPTIMIZER_FILE, type Part, readCheckpoint } from "./checkpoint.js";
import { exists, isDamage, onDisk } from "./disk.js";
import { DTYPE_BYTES } from "./dtypes.js";
import {
  makeDirectory,
  makeTemporaryDirectory,
  renameDurably,
  syncDirectory,
  writeNewFile,
} from "./durable.js";
import { slotStarts } from "./key-order.js";
import { encodeManifest, MANIFEST_FILE, type ManifestContent, type ManifestFiles } from "./manifest.js";
import { checkpointsDir, stepName } from "./paths.js";
import { type RowRange, rangesOfRows, rangesOfSlots } from "./row-ranges.js";
import { elementCount } from "./safetensors-header.js";
import { type TensorSource, type WrittenFile, writeSafetensors } from "./safetensors-writer.js";
import type { ShardedTables } from "./shard-file.js";
import {
  deletedName,
  type InitialValues,
  keysName,
  SLOTS,
  type Table,
  type TableNumbers,
} from "./table-layout.js";

export interface CheckpointContent extends ManifestContent {
  /** Parameters under their stable names. */
  model: Map<string, TensorSource>;
  /** Optimizer state; empty for an optimizer without any. */
  optimizer: Map<string, TensorSource>;
  /** The embedding tables among these; default none. Their rows are placed and verified in ranges. */
  tables?: readonly TableContent[];
  /** The checkpoint that this one holds changes to. The run directory has it. */
  changesTo?: Checkpoint;
  /** Lets ranks write the tables that they share into the directory. These are not among the tensors above. */
  shards?: CollectShards;
}

/** @param parts which of their numbers; default all */
export type CollectShards = (dir: string, parts?: readonly Part[]) => Promise<ShardedTables>;

/** The tensor names of a table: weights `[rows, dim]` in the model, states `[rows, …]` in the optimizer. */
export interface TableContent {
  readonly name: string;
  readonly states: readonly string[];
  /**
   * The rows that the tensors have, if not all rows of a table of fixed size: the numbers of those that have changed, or that
   * training has met, ascending, or the keys of those of a growing table, in the order of slots (key-order.ts).
   */
  readonly keys?: BigUint64Array;
  /** Of a table of fixed size, where the tensors have only some of its rows. */
  readonly rows?: number;
  /**
   * Of a sparse table: the initial values of the weights and of each state, which the other rows have. Changes have those of
   * their base.
   */
  readonly initial?: ReadonlyMap<string, InitialValues>;
  /**
   * Of a growing table: the most keys that it may have. Tensors have one row per key, or one more, which is then their first:
   * that of keys that have none.
   */
  readonly capacity?: number;
  /** The keys that a growing table had in the base and has no longer, in the same order. Others may be among them. */
  readonly deleted?: BigUint64Array;
}

/**
 * Writes `<runDir>/checkpoints/step-<step>`. A crash at any moment leaves the complete checkpoint or none: files go to
 * a temporary directory, each synced, the manifest last, then the directory is renamed. A run directory has one writer.
 * The tensors must not change until the promise settles.
 * @throws CheckpointError if a valid checkpoint of that step exists; DiskError if the files cannot be written
 */
export async function writeCheckpoint(runDir: string, content: CheckpointContent): Promise<Checkpoint> {
  const root = checkpointsDir(runDir);
  const final = join(root, stepName(content.step));
  await makeDirectory(root);
  await makeRoom(final);
  const temporary = await makeTemporaryDirectory(root, stepName(content.step));
  try {
    await fill(temporary, content);
    await renameDurably(temporary, final);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {}); // the first error is the one to report
    throw error;
  }
  const known = new Map(content.changesTo && [[content.changesTo.dir, content.changesTo]]);
  return (await readCheckpoint(final, undefined, known)).trust();
}

async function fill(dir: string, content: CheckpointContent): Promise<void> {
  const { tables = [] } = content;
  const shards = (await content.shards?.(dir)) ?? NO_SHARDS;
  const { model, optimizer } = withUnknownRows(content, shards);
  const withKeys = new Map([...model, ...tables.flatMap(keyTensors)]);
  const written = {
    [MODEL_FILE]: await writeSafetensors(join(dir, MODEL_FILE), withKeys, rangesIn(withKeys, tables, shards)),
    [OPTIMIZER_FILE]: await writeSafetensors(
      join(dir, OPTIMIZER_FILE),
      optimizer,
      rangesIn(optimizer, tables, shards),
    ),
  };
  await syncDirectory(dir); // sync the files' names before writing the manifest that lists them
  await writeNewFile(
    join(dir, MANIFEST_FILE),
    encodeManifest(content, describeFiles({ ...content, model, optimizer }, written, shards)),
  );
  await syncDirectory(dir);
}

const NO_SHARDS: ShardedTables = { files: {}, tables: [], keyed: new Map() };

/** The tensors of growing tables that ranks share are the rows of keys that have none: ranks have written the others. */
function withUnknownRows(
  { model, optimizer, tables = [] }: CheckpointContent,
  { keyed }: ShardedTables,
): Pick<CheckpointContent, "model" | "optimizer"> {
  const names = new Set(tables.map(({ name }) => name));
  const rows = [...keyed].map(([name, { unknown }]) => [name, unknown] as const);
  return {
    model: new Map([...model, ...rows.filter(([name]) => names.has(name))]),
    optimizer: new Map([...optimizer, ...rows.filter(([name]) => !names.has(name))]),
  };
}

function keyTensors({ name, keys, deleted }: TableContent): [string, TensorSource][] {
  const tensors: [string, BigUint64Array | undefined][] = [
    [keysName(name), keys],
    [deletedName(name), deleted],
  ];
  return tensors.flatMap(([tensor, data]) =>
    data ? [[tensor, { dtype: "U64", shape: [data.length], data }]] : [],
  );
}

/** The ranges of the tables' tensors in a file. */
function rangesIn(
  tensors: ReadonlyMap<string, TensorSource>,
  tables: readonly TableContent[],
  { keyed }: ShardedTables,
) {
  const ranges = tables.flatMap((table) => {
    const { name, states, keys, capacity } = table;
    const starts = capacity === undefined ? undefined : slotStarts(keys!, SLOTS);
    const all = [name, ...states, keysName(name), deletedName(name)];
    const names = all.filter((each) => tensors.has(each) && !keyed.has(each));
    return names.map((each) => [each, rangesOfTensor(each, tensors.get(each)!, table, starts)] as const);
  });
  return new Map(ranges);
}

/** @param starts where the rows of each slot begin, in a growing table */
function rangesOfTensor(
  tensor: string,
  source: TensorSource,
  table: TableContent,
  starts?: Float64Array,
): RowRange[] {
  const rowBytes = elementCount(source.shape.slice(1)) * DTYPE_BYTES[source.dtype];
  if (!starts || tensor === deletedName(table.name)) return rangesOfRows(source.shape[0], rowBytes);
  return rangesOfSlots(starts, rowBytes, {
    leading: leadingRows(source, table),
    withCounts: tensor === keysName(table.name),
  });
}

/** 1 if the tensor begins with the row of keys that have none. */
const leadingRows = ({ shape }: TensorSource, { keys, capacity }: TableContent): number =>
  capacity === undefined ? 0 : shape[0] - keys!.length;

function describeFiles(
  content: CheckpointContent,
  written: Readonly<Record<string, WrittenFile>>,
  shards: ShardedTables,
): ManifestFiles {
  const { changesTo: base, tables = [] } = content;
  const files = Object.entries(written).map(([name, { bytes, sha256 }]) => [name, { bytes, sha256 }]);
  return {
    ...(base && { base: { checkpoint: base.name, step: base.manifest.step, sha256: base.manifest.sha256 } }),
    tables: [...tables.map((table) => describeTable(table, content, written, shards)), ...shards.tables],
    files: { ...Object.fromEntries(files), ...shards.files },
  };
}

function describeTable(
  table: TableContent,
  { model, optimizer, changesTo }: CheckpointContent,
  written: Readonly<Record<string, WrittenFile>>,
  { keyed }: ShardedTables,
): Table {
  const { name, states, keys, deleted, capacity } = table;
  const initial = changesTo ? initialIn(changesTo, name) : table.initial;
  const rangesOf = (tensor: string, file = MODEL_FILE) => [
    ...(keyed.get(tensor)?.ranges ?? written[file].ranges.get(tensor)!),
  ];
  const numbers = (tensor: string, source: TensorSource, file: string): TableNumbers => ({
    name: tensor,
    dim: elementCount(source.shape.slice(1)),
    dtype: source.dtype as TableNumbers["dtype"],
    ranges: rangesOf(tensor, file),
    ...((keyed.has(tensor) || leadingRows(source, table) === 1) && { unknown: true }),
    ...(initial?.has(tensor) && { initial: initial.get(tensor) }),
  });
  return {
    ...numbers(name, model.get(name)!, MODEL_FILE),
    ...(capacity === undefined ? { rows: table.rows ?? model.get(name)!.shape[0] } : { capacity }),
    states: states.map((state) => numbers(state, optimizer.get(state)!, OPTIMIZER_FILE)),
    slots: SLOTS,
    order: capacity === undefined ? "rows" : "slots",
    ...(keys && { keys: rangesOf(keysName(name)) }),
    ...(deleted && { deleted: rangesOf(deletedName(name)) }),
  };
}

/** The initial values of a table's numbers in the checkpoint, if it is sparse there. */
export function initialIn({ manifest }: Checkpoint, table: string): TableContent["initial"] {
  const found = manifest.tables.find(({ name }) => name === table);
  const numbers = found ? [found, ...found.states] : [];
  return new Map(numbers.flatMap(({ name, initial }) => (initial ? [[name, initial]] : [])));
}

/**
 * A valid checkpoint is never replaced. A damaged one, found again by a run resumed from an older step, is renamed
 * instead of deleted.
 */
async function makeRoom(final: string): Promise<void> {
  if (!(await exists(final))) return;
  if (await isSound(final)) {
    throw new CheckpointError({
      what: "a checkpoint of this step exists and is not overwritten",
      where: final,
      next: "Resume from the latest checkpoint, or use a new run directory.",
    });
  }
  let aside = `${final}.damaged`;
  for (let copy = 2; await exists(aside); copy++) aside = `${final}.damaged-${copy}`;
  await onDisk("the damaged checkpoint cannot be renamed", final, () => rename(final, aside));
}

async function isSound(dir: string): Promise<boolean> {
  try {
    await (await readCheckpoint(dir)).verify();
    return true;
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}
