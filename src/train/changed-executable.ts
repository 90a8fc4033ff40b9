import { isDeepStrictEqual } from "node:util";
import type { Memory } from "../backends/backend.js";
import type { Changes, TableChanges } from "../checkpoint/changes.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { CheckpointError } from "../errors.js";
import type { ParameterAttrs } from "../ops/sources.js";
import type { KeyedTables } from "./keyed-tables.js";
import { fileDtype, readParameter, refusePoisoned } from "./parameter-memory.js";
import { Parameters } from "./parameters.js";
import {
  compiled,
  type SavedExecutable,
  type ScoringModel,
  type ScoringOptions,
  type ScoringState,
} from "./saved-executable.js";
import { parametersOf } from "./step/model-graphs.js";

/** A model that has the tables of another one: both may be used only before, or only after `apply`. */
export interface ChangedExecutable extends SavedExecutable {
  readonly state: ScoringState;
  /** Changes the tables, all at once. It does not fail: everything has been read and checked. */
  apply(): void;
}

/** Larger changes would keep the process busy for too long at once. */
const MOST_BYTES = 256 << 20;

/**
 * Prepares the changes of a checkpoint to tables that are in memory; everything else gets memory of its own.
 * @param before the model of the checkpoint's base, and of no other checkpoint
 * @returns undefined if the checkpoint must be loaded as a whole
 * @throws CheckpointError if the changes are damaged or do not apply
 */
export async function changedExecutable(
  checkpoint: Checkpoint,
  { graph }: ScoringModel,
  before: ScoringState,
  options: ScoringOptions,
): Promise<ChangedExecutable | undefined> {
  const attrs = parametersOf(graph);
  if (!applies(checkpoint, attrs, before)) return undefined;
  const changes = await checkpoint.openChanges();
  try {
    const tables = new Set(changes.tables.map(({ name }) => name));
    const others = new Parameters(
      options.backend,
      attrs.filter(({ name }) => !tables.has(name)),
    );
    for (const parameter of others.model) await readParameter(changes.rest, parameter.attrs.name, parameter);
    const kept = [...before.parameters].filter(([name]) => tables.has(name));
    const state = { ...before, checkpoint, parameters: new Map([...kept, ...others.memory]) };
    const steps = changesOf(changes, state);
    const apply = () => {
      for (const step of steps) step();
    };
    return { ...compiled(graph, state, options), state, apply };
  } finally {
    await changes.rest.close();
  }
}

/** True if the tables in memory are those that have changed, in the form of the files. */
function applies({ manifest }: Checkpoint, attrs: readonly ParameterAttrs[], before: ScoringState): boolean {
  const dtypes = new Map(attrs.map((each) => [each.name, fileDtype(each)]));
  const bytes = manifest.tables.flatMap(({ ranges }) => ranges).reduce((sum, range) => sum + range.bytes, 0);
  return (
    bytes <= MOST_BYTES &&
    manifest.tables.every(({ name, dtype }) => dtypes.get(name) === dtype) &&
    before.translations.areDynamic &&
    isDeepStrictEqual(attrs, before.attrs)
  );
}

type Step = () => void;

function changesOf(
  { tables }: Changes,
  { checkpoint, attrs, parameters, translations }: ScoringState,
): Step[] {
  const changes = new Map(tables.map((table) => [table.name, table]));
  for (const { name, values } of tables) refusePoisoned(values, parameters.get(name)!.dtype, { name });
  const keyed = translations.keyed(attrs);
  const ofKeys = new Set(keyed.flatMap((table) => table.tables.map(({ name }) => name)));
  const fixed = tables.filter(({ name }) => !ofKeys.has(name));
  return [
    ...fixed.map(
      ({ name, keys, dim, values }) =>
        () =>
          parameters.get(name)!.scatter(keys, dim, values),
    ),
    ...keyed.map((table) => changeOfKeys(table, changes, parameters, checkpoint.dir)),
  ];
}

/** The changes of the tables that share the keys of one translation. */
function changeOfKeys(
  { translation, tables }: KeyedTables<ParameterAttrs>,
  changes: ReadonlyMap<string, TableChanges>,
  parameters: ReadonlyMap<string, Memory>,
  dir: string,
): Step {
  const all = tables.map(({ name }) => changes.get(name)!);
  const [first, ...others] = all;
  const other = others.find(
    ({ keys, deleted }) => !isDeepStrictEqual([keys, deleted], [first.keys, first.deleted]),
  );
  if (other) throw otherKeys(dir, `${other.name} and ${first.name}`);
  const [keys, deleted] = [signed(first.keys), signed(first.deleted)];
  const present = (some: BigInt64Array) => translation.translate(some).filter((row) => row > 0).length;
  const { size, capacity } = translation.statistics();
  const after = size - present(deleted) + keys.length - present(keys);
  if (after > capacity)
    throw otherKeys(dir, `${after} keys of ${first.name}, which has room for ${capacity}`);
  return () => {
    translation.erase(deleted);
    const rows = Uint32Array.from([0, ...translation.insert(keys)]);
    for (const { name, dim, values } of all) parameters.get(name)!.scatter(rows, dim, values);
  };
}

const signed = ({ buffer, byteOffset, length }: BigUint64Array) =>
  new BigInt64Array(buffer, byteOffset, length);

function otherKeys(where: string, got: string): CheckpointError {
  return new CheckpointError({
    what: "the changes do not apply to the tables of their base",
    where,
    got,
    expected: "the same keys in all tables of a feature, and room for them",
    next: "Use another version: this one was written incorrectly.",
  });
}
