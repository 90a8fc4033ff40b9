import { setImmediate } from "node:timers/promises";
import type { Backend, Memory } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { elementCount } from "../checkpoint/safetensors-header.js";
import type { Tensors } from "../checkpoint/tensors.js";
import type { ParameterAttrs } from "../ops/sources.js";
import {
  bytesOf,
  elementsOf,
  fileDtype,
  isSameShape,
  piecesOf,
  readParameter,
  refusePoisoned,
  savedShape,
} from "./parameter-memory.js";
import { Parameters } from "./parameters.js";

/** Smaller tables are copied: that is cheap, and lookups are faster in memory with large pages. */
const LEAST_MAPPED_BYTES = 1 << 20;

/**
 * Loads a checkpoint's parameters for scoring, verifying every byte. Large tables are memory-mapped if the backend
 * supports it, so they need no second copy, and processes share them.
 * @param options `mapped: false` reads them into memory
 * @throws CheckpointError if it is damaged, lacks these parameters, or has numbers that are not finite
 */
export async function savedParameters(
  checkpoint: Checkpoint,
  backend: Backend,
  attrs: readonly ParameterAttrs[],
  { mapped: mayMap = true } = {},
): Promise<ReadonlyMap<string, Memory>> {
  const file = await checkpoint.openModel();
  try {
    const mapped = new Map<string, Memory>();
    for (const each of attrs) {
      const table = mayMap ? mapTable(each, backend, file) : undefined;
      if (!table) continue;
      const { memory, inFile } = table;
      for (const piece of piecesOf(memory, inFile)) {
        refusePoisoned(piece, memory.dtype, each.name);
        await setImmediate(); // a table of many GB does not block the process
      }
      mapped.set(each.name, memory);
    }
    const copied = new Parameters(
      backend,
      attrs.filter(({ name }) => !mapped.has(name)),
    );
    for (const parameter of copied.model) await readParameter(file, parameter.attrs.name, parameter);
    return new Map([...mapped, ...copied.memory]);
  } finally {
    await file.close();
  }
}

interface MappedTable {
  readonly memory: Memory;
  /** The elements that the file has: a dynamic table may have fewer keys than room for them. */
  readonly inFile: number;
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
