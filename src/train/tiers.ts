import type { Backend, Memory, Tier } from "../backends/backend.js";
import { onDiskSync } from "../checkpoint/disk.js";
import { ExecutionError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { memoryOf, type StoreConfig } from "../features/schema/store.js";
import { SLOTS, slotsOf } from "../graph/placement.js";
import { makeDirectories } from "../make-directories.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { bytesOf, elementsOf, machineMemory } from "./parameter-memory.js";
import { ownAttrs, ownColumns, shardOf } from "./shards.js";

/** The stores of tables, by the name of their translation. */
export type Stores = ReadonlyMap<string, Required<StoreConfig>>;

/** @param directory of the rows that do not fit, where the feature names none */
export function storesOf({ features }: FittedFeatures, directory: string): Stores {
  return new Map(
    features.flatMap((feature) =>
      feature.kind === "number" || !feature.store
        ? []
        : [[feature.table, { path: directory, ...feature.store }] as const],
    ),
  );
}

/** Makes a tier of the weights and states of each table with a store, of which this rank has rows. Backends without tiers have none. */
export function allocateTiers(
  backend: Backend,
  attrs: readonly ParameterAttrs[],
  stores: Stores,
  rank: number,
): { tiers: ReadonlyMap<string, Tier>; memory: ReadonlyMap<string, Memory> } {
  const tiers = new Map<string, Tier>();
  const memory = new Map<string, Memory>();
  for (const [table, store] of stores) {
    const parts = attrs.filter(({ translation }) => translation === table);
    if (parts.length === 0 || !backend.tier || rowsOn(parts[0], rank) === 0) continue;
    const tier = named(table, () => allocateTier(backend, parts, store, rank));
    tiers.set(table, tier);
    for (const [i, { name }] of parts.entries()) memory.set(name, tier.memories[i]);
  }
  return { tiers, memory };
}

/** The rows of a table that a rank may have: of a dynamic one any, if it has a share of the slots. */
function rowsOn(attrs: ParameterAttrs, rank: number): number {
  const { byKey, placement, shape } = attrs;
  if (!byKey || !placement) return ownAttrs(attrs, rank).shape[0];
  const [begin, end] = slotsOf(placement, rank);
  return begin < end ? shape[0] : 0;
}

/** The bytes of a rank's share of a table: of a dynamic one its share of the slots, in which keys are spread evenly. */
function ownBytes(attrs: ParameterAttrs, rank: number): number {
  const { byKey, placement, shape } = attrs;
  const own = ownAttrs(attrs, rank);
  if (!byKey || !placement) return bytesOf(own);
  const [begin, end] = slotsOf(placement, rank);
  return (bytesOf({ ...own, shape: [shape[0], ...own.shape.slice(1)] }) * (end - begin)) / SLOTS;
}

/** Errors of the core do not know the table. */
function named<T>(table: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ExecutionError)) throw error;
    const where = [`store of ${table}`, error.report.where].filter(Boolean).join(", ");
    throw new ExecutionError({ ...error.report, where }, { cause: error });
  }
}

function allocateTier(
  backend: Backend,
  parts: readonly ParameterAttrs[],
  store: Required<StoreConfig>,
  rank: number,
): Tier {
  const [{ byKey }] = parts;
  const bytes = parts.reduce((sum, each) => sum + ownBytes(each, rank), 0);
  const memory = memoryOf(store, bytes);
  refuseTooMuch(Math.min(memory, bytes));
  onDiskSync("the directory cannot be created", store.path, () => makeDirectories(store.path));
  return backend.tier!({
    rows: rowsOn(parts[0], rank),
    memory,
    byKey,
    shard: byKey ? undefined : shardOf(parts[0], rank),
    directory: store.path,
    columns: parts.map((each) => ({
      dtype: each.dtype ?? "fp32",
      width: elementsOf(each) / each.shape[0],
      columns: ownColumns({ attrs: each, shard: shardOf(each, rank) }),
    })),
  });
}

function refuseTooMuch(bytes: number): void {
  const machine = machineMemory();
  if (bytes <= machine) return;
  throw new ExecutionError({
    what: "the memory for the rows of a table is more than this machine has",
    got: `${bytes} bytes`,
    expected: `at most ${machine} bytes`,
    next: "Set store.memory to less: the other rows are kept in a file.",
  });
}
