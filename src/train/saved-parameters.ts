import type { Backend, Memory } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { elementCount } from "../checkpoint/safetensors-header.js";
import type { Tensors } from "../checkpoint/tensors.js";
import type { ParameterAttrs } from "../ops/sources.js";
import {
  bytesOf,
  checkMapped,
  elementsOf,
  fileDtype,
  freeMemory,
  isSameShape,
  type MappedTable,
  savedShape,
} from "./parameter-memory.js";
import { Parameters, refuseTooMuch } from "./parameters.js";
import { type StoredTables, storedTables } from "./stored-tables.js";

/** Smaller tables are copied: that is cheap, and lookups are faster in memory with large pages. */
const LEAST_MAPPED_BYTES = 1 << 20;

export interface SavedParameters {
  readonly memory: ReadonlyMap<string, Memory>;
  readonly stored: StoredTables;
}

/**
 * Loads a checkpoint's parameters for scoring, verifying every byte. Large tables are memory-mapped if the backend
 * supports it, so they need no second copy, and processes share them. Sparse ones have only their stored rows in memory.
 * @param options `mapped: false` reads them into memory
 * @throws CheckpointError if it is damaged, lacks these parameters, or has numbers that are not finite
 */
export async function savedParameters(
  checkpoint: Checkpoint,
  backend: Backend,
  attrs: readonly ParameterAttrs[],
  { mapped: mayMap = true } = {},
): Promise<SavedParameters> {
  const file = await checkpoint.openModel();
  try {
    const stored = await storedTables(file, backend, attrs, mayMap);
    const mapped = new Map(
      [...stored.values()].flatMap(({ columns }) => columns.map((each) => [each.name, each.memory])),
    );
    for (const each of attrs.filter(({ name }) => !mapped.has(name))) {
      const table = mayMap ? mapTable(each, backend, file) : undefined;
      if (!table) continue;
      if (!each.words) await checkMapped(table, each.name);
      mapped.set(each.name, table.memory);
    }
    const others = attrs.filter(({ name }) => !mapped.has(name));
    // A file of a few KB may state a table of any size.
    refuseTooMuch(others, freeMemory());
    const copied = new Parameters(backend, others);
    await copied.loadModel(file);
    return { memory: new Map([...mapped, ...copied.memory]), stored };
  } finally {
    await file.close();
  }
}

/** Maps the table; undefined if it must be copied because it is small or stored in another form. */
function mapTable(attrs: ParameterAttrs, backend: Backend, file: Tensors): MappedTable | undefined {
  const { name, role, dtype = "fp32" } = attrs;
  const there = file.tensors.get(name);
  if (role !== "table" || bytesOf(attrs) < LEAST_MAPPED_BYTES || !backend.map || !there) return undefined;
  const shape = savedShape(there.shape, attrs);
  const same = there.dtype === fileDtype(attrs) && isSameShape(there.shape, shape);
  const place = same ? file.locate(name) : undefined;
  if (!place) return undefined;
  const inFile = elementCount(shape);
  return { memory: backend.map(place.path, place.offset, elementsOf(attrs), dtype, inFile), inFile };
}
