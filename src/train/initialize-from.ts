import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import {
  type Checkpoint,
  checkpointsDir,
  findLatest,
  measuredBestFirst,
  readCheckpoint,
} from "../checkpoint/index.js";
import { keysName } from "../checkpoint/table-layout.js";
import type { Tensors } from "../checkpoint/tensors.js";
import { fingerprintOf } from "../distributed/agree.js";
import { CheckpointError, ConfigError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { readFittedFeatures } from "../features/read-fitted.js";
import { ownValue } from "../own-value.js";
import { copyRows } from "./copy-rows.js";
import { type NamedRows, rowsByValue, tableOf } from "./match-rows.js";
import { memberDirectory } from "./members.js";
import { type Parameter, readParameter } from "./parameter-memory.js";
import { readShard } from "./read-shard.js";
import { patternSchema, wholeName } from "./step/patterns.js";
import { stateName, type Translations } from "./translations.js";

/**
 * The `initializeFrom` section of a config: start from trained weights (fine-tuning). Optimizer state is not copied.
 */
export const initializeFromSchema = z.strictObject({
  /** A run directory (uses its best checkpoint, else its latest), or a checkpoint. */
  run: z.string().min(1),
  /**
   * Maps parameter names of this model to names in the checkpoint. Keys are regular expressions for whole names, with
   * `$1` in values; the first match is used, and other names are unchanged. Map a name to `""` to keep its initial
   * values.
   */
  map: z.record(patternSchema, z.string()).default({}),
});

export type InitializeFrom = z.output<typeof initializeFromSchema>;

/** The outcome for each parameter. */
export interface Initialized {
  readonly checkpoint: string;
  /** Of the checkpoint, with the checksums of its files. */
  readonly fingerprint: string;
  /** Parameters copied from the checkpoint, completely or in the rows of values known to both. */
  readonly matched: readonly string[];
  /** Parameters that keep their initial values. */
  readonly unmatched: readonly string[];
}

/**
 * Copies weights from a checkpoint into initialized parameters. A table over learned values is copied value by value;
 * values unknown to the checkpoint keep their initial rows. A dynamic table is copied key by key. Tables of 16-bit numbers
 * are rounded to nearest.
 * @throws CheckpointError if nothing matches, a mapped name is missing in the checkpoint, shapes differ, or a table's
 * rows were assigned to ids during training
 */
export async function initializeFrom(
  { run, map }: InitializeFrom,
  parameters: readonly Parameter[],
  features: FittedFeatures,
  translations: Translations,
): Promise<Initialized> {
  const checkpoint = await checkpointOf(run);
  const source = readFittedFeatures(checkpoint.manifest.features, checkpoint.dir);
  const file = await checkpoint.openModel();
  try {
    const matched: string[] = [];
    const rowsOf = rowsOfKeys(translations);
    for (const parameter of parameters) {
      const { name } = parameter.attrs;
      const there = mappedName(name, map, file);
      if (there === undefined) continue;
      if (parameter.attrs.byKey) await copyKeys(parameter, file, there, rowsOf);
      else await copy(parameter, file, there, { here: features.vocabularies, there: source.vocabularies });
      matched.push(name);
    }
    const names = parameters.map(({ attrs }) => attrs.name);
    if (matched.length === 0) throw nothingMatches(checkpoint, names, [...file.tensors.keys()]);
    return {
      checkpoint: checkpoint.dir,
      fingerprint: fingerprintOf(checkpoint.manifest),
      matched,
      unmatched: names.filter((name) => !matched.includes(name)),
    };
  } finally {
    await file.close();
  }
}

async function checkpointOf(path: string): Promise<Checkpoint> {
  if (existsSync(join(path, "manifest.json"))) return readCheckpoint(path);
  const [best] = await measuredBestFirst(path, ["model"]);
  if (best) return best;
  const { checkpoint } = await findLatest(path, { checksums: true });
  if (checkpoint) return checkpoint;
  throw new ConfigError({
    what: "there is no checkpoint to start from",
    where: "train.initializeFrom.run",
    got: path,
    expected: `a run directory (${checkpointsDir(path)} with a sound checkpoint), or a checkpoint`,
    next: "Correct the path; relative paths start at the working directory.",
  });
}

/** The name in the checkpoint; undefined if the parameter is not copied. */
function mappedName(name: string, map: InitializeFrom["map"], file: Tensors): string | undefined {
  for (const [pattern, to] of Object.entries(map)) {
    const whole = wholeName(pattern);
    if (!whole.test(name)) continue;
    const there = name.replace(whole, to);
    if (there === "" || file.tensors.has(there)) return there || undefined;
    throw new CheckpointError({
      what: "the checkpoint to start from has no parameter of the mapped name",
      where: `train.initializeFrom.map["${pattern}"]`,
      got: `${name} -> ${there}`,
      expected: `one of ${[...file.tensors.keys()].slice(0, 8).join(", ")}, …`,
      next: 'Correct the map, or map the name to "" to keep its initial values.',
    });
  }
  return file.tensors.has(name) ? name : undefined;
}

interface Vocabularies {
  readonly here: FittedFeatures["vocabularies"];
  readonly there: FittedFeatures["vocabularies"];
}

/** Gives rows to keys, once for all parameters of a dynamic table. */
type RowsOfKeys = (table: string, keys: BigInt64Array) => Float64Array;

function rowsOfKeys(translations: Translations): RowsOfKeys {
  const inserted = new Map<string, Float64Array>();
  return (table, keys) => {
    const translation = translations.dynamic.get(table)!;
    if (keys.length >= translation.rows) throw tooManyIds(table, keys.length, translation.rows - 1);
    const rows = inserted.get(table) ?? translation.insert(keys);
    inserted.set(table, rows);
    return rows;
  };
}

function tooManyIds(table: string, ids: number, capacity: number): CheckpointError {
  return new CheckpointError({
    what: "the checkpoint to start from has more ids than the dynamic table has room for",
    where: table,
    got: `${ids} ids`,
    expected: `at most ${capacity}, the capacity of the table`,
    next: `Give the table a capacity of at least ${ids}.`,
  });
}

/** Copies a dynamic table key by key; the row of keys that have none comes first in the file. */
async function copyKeys(
  parameter: Parameter,
  file: Tensors,
  there: string,
  rowsOf: RowsOfKeys,
): Promise<void> {
  const { attrs } = parameter;
  const stored = file.tensors.get(keysName(there));
  const [, width] = file.tensors.get(there)!.shape;
  if (!stored || width !== attrs.shape[1]) throw translated(attrs.name, there);
  const keys = new BigUint64Array(stored.shape[0]);
  await file.readInto(keysName(there), keys);
  const rows = rowsOf(attrs.translation!, new BigInt64Array(keys.buffer));
  await copyRows(
    [[0, 0], ...Array.from(rows, (row, i): [number, number] => [row, i + 1])],
    parameter,
    file,
    there,
  );
}

async function copy(
  parameter: Parameter,
  file: Tensors,
  there: string,
  vocabularies: Vocabularies,
): Promise<void> {
  const { attrs } = parameter;
  const { shape } = file.tensors.get(there)!;
  const isTranslated = file.tensors.has(stateName(tableOf(there) ?? "")) || file.tensors.has(keysName(there));
  if (isTranslated) throw translated(attrs.name, there);
  const here = namedRows(attrs.name, attrs.shape, vocabularies.here);
  const source = namedRows(there, shape, vocabularies.there);
  if (attrs.role === "table" && here && source && shape[1] === attrs.shape[1]) {
    return copyRows(rowsByValue(here, source), parameter, file, there);
  }
  if (shape.length === attrs.shape.length && shape.every((dim, i) => dim === attrs.shape[i])) {
    const { shard } = parameter;
    await (shard ? readShard(file, there, parameter, shard) : readParameter(file, there, parameter));
    return;
  }
  throw new CheckpointError({
    what: "a parameter has another shape in the checkpoint to start from",
    where: `${attrs.name} (there ${there})`,
    got: `[${shape.join(", ")}]`,
    expected: `[${attrs.shape.join(", ")}]`,
    next: `Give the layer or table the same size, or leave it as initialized: train.initializeFrom.map: { "${attrs.name}": "" }.`,
  });
}

/** The table of a parameter, if its rows are learned values. */
function namedRows(
  name: string,
  shape: readonly number[],
  vocabularies: FittedFeatures["vocabularies"],
): NamedRows | undefined {
  const table = tableOf(name);
  const values = table === undefined ? undefined : ownValue(vocabularies, table);
  return values && { values, rows: shape[0] };
}

function translated(name: string, there: string): CheckpointError {
  return new CheckpointError({
    what: "the rows of a table do not belong to the same ids in the checkpoint to start from",
    where: `${name} (there ${there})`,
    got: "a table whose ids are translated to rows, here or there",
    expected:
      "two dynamic tables of the same dim, or tables whose ids are their rows or values of a vocabulary",
    next: `Leave it as initialized: train.initializeFrom.map: { "${name}": "" }.`,
  });
}

function nothingMatches(
  { dir, manifest }: Checkpoint,
  names: readonly string[],
  there: readonly string[],
): CheckpointError {
  const member = manifest.members && memberDirectory(join(dir, "..", ".."), manifest.members[0].seed);
  return new CheckpointError({
    what: "no parameter of the model is in the checkpoint to start from",
    where: dir,
    got: there.slice(0, 8).join(", "),
    expected: names.slice(0, 8).join(", "),
    next: member
      ? `The run has members: name one of them, such as ${member}.`
      : 'Say which is which in train.initializeFrom.map, such as { "final_mlp\\\\.(.*)": "mlp.$1" }.',
  });
}
