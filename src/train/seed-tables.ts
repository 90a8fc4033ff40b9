import { createHash } from "node:crypto";
import type { DynamicTranslation } from "../backends/backend.js";
import type { Facts } from "../distributed/agree.js";
import { ConfigError, DataError } from "../errors.js";
import type { FittedBag, FittedFeatures, FittedId } from "../features/fitted.js";
import { compileId, type TextTransform, vocabularyCache } from "../features/transform.js";
import { MISSING_KEY } from "../graph/translation.js";
import { type Parameter, toDtype } from "./parameter-memory.js";
import { ownColumns, takeColumns } from "./shards.js";
import type { Translations } from "./translations.js";

/** A dynamic table that starts from a file of vectors. */
interface Seeded {
  readonly path: string;
  /** The setting, for errors. */
  readonly where: string;
  readonly feature: FittedId | FittedBag;
  readonly translation: DynamicTranslation;
  /** Its embeddings: first-order weights start as they do for any other id. */
  readonly tables: readonly Parameter[];
}

/**
 * Starts dynamic tables from the vectors of `seedFrom`: each id of the file gets a row with its vector. Optimizer state starts as
 * for any new id.
 * @returns a fingerprint of the vectors of each file, by what it is for messages
 * @throws ConfigError if a file is not there or has other columns, or if tables of a feature have different dims; DataError for a
 * vector of another dim, an id that is there twice or that the feature refuses, and more ids than the table has room for
 */
export async function seedTables(
  parameters: readonly Parameter[],
  features: FittedFeatures,
  translations: Translations,
): Promise<Facts> {
  const facts: Record<string, string> = {};
  for (const seeded of seededTables(parameters, features, translations))
    facts[`the vectors of ${seeded.where}`] = await seed(seeded, features);
  return facts;
}

function seededTables(
  parameters: readonly Parameter[],
  { features }: FittedFeatures,
  translations: Translations,
): Seeded[] {
  const keyed = translations.keyed(parameters);
  const found = new Map<DynamicTranslation, Seeded>();
  for (const feature of features) {
    if (feature.kind === "number" || feature.translation?.kind !== "dynamic") continue;
    const { seedFrom: path } = feature.translation;
    const translation = translations.dynamic.get(feature.table)!;
    const all = keyed.find((each) => each.translation === translation)?.tables ?? [];
    const tables = all.filter(({ attrs }) => !attrs.name.startsWith("linear."));
    const where = `the feature ${feature.name}: dynamic.seedFrom`;
    if (path !== undefined && tables.length > 0)
      found.set(translation, { path, where, feature, translation, tables });
  }
  return [...found.values()];
}

async function seed(seeded: Seeded, features: FittedFeatures): Promise<string> {
  const { path, where, feature, translation, tables } = seeded;
  // DuckDB is loaded only where a config needs it.
  const { seedVectors } = await import("../data/seed-vectors.js");
  refuseOtherDims(seeded);
  const [, dim] = tables[0].attrs.shape;
  const transform = compileId(feature, vocabularyCache(features)) as TextTransform;
  const seen = new Set<bigint>();
  const hash = createHash("sha256");
  for await (const { areKeys, ids, vectors } of seedVectors(path, dim, where)) {
    const keyOf = areKeys ? keyOfNumber : (id: string) => keyOfText(transform, id);
    const keys = BigInt64Array.from(ids, (id) => keyOf(id) ?? refuse(seeded, id, areKeys));
    keys.forEach((key, i) => {
      if (seen.has(key)) throw twice(seeded, ids[i]);
      seen.add(key);
    });
    refuseTooMany(seeded, keys);
    hash.update(keys).update(vectors);
    const kept = keptVectors(translation.insert(keys), vectors, dim);
    for (const table of tables) {
      const columns = ownColumns(table);
      const vectors = toDtype(takeColumns(kept.vectors, dim, columns), table.memory.dtype);
      table.memory.scatter(kept.rows, columns[1] - columns[0], vectors);
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/** Without those of rows that other ranks keep. */
function keptVectors(rows: Float64Array, vectors: Float32Array, dim: number) {
  const kept = Array.from(rows.keys()).filter((i) => rows[i] >= 0);
  const own = new Float32Array(kept.length * dim);
  kept.forEach((i, at) => void own.set(vectors.subarray(i * dim, (i + 1) * dim), at * dim));
  return { rows: Uint32Array.from(kept, (i) => rows[i]), vectors: own };
}

function refuseOtherDims({ where, tables }: Seeded): void {
  const dims = tables.map(({ attrs: { shape } }) => shape[1]);
  if (new Set(dims).size === 1) return;
  throw new ConfigError({
    what: "the tables of the feature have vectors of different lengths, so that no file fits all of them",
    where,
    got: tables.map(({ attrs }, i) => `${attrs.name} of dim ${dims[i]}`).join(", "),
    expected: "one dim",
    next: "Give all groups of the model that have the feature the same embeddingDim, or remove seedFrom.",
  });
}

function keyOfText(transform: TextTransform, id: string): bigint | undefined {
  const bytes = Buffer.from(id);
  const key = transform.encode(bytes, 0, bytes.length);
  return typeof key === "bigint" && key !== MISSING_KEY ? key : undefined;
}

function keyOfNumber(text: string): bigint | undefined {
  if (!/^\s*-?\d+\s*$/.test(text)) return undefined;
  const key = BigInt(text);
  return BigInt.asIntN(64, key) === key ? key : undefined;
}

function refuse({ path, where }: Seeded, id: string, isKey: boolean): never {
  throw new DataError({
    what: "the feature refuses an id of the vectors to start from",
    where,
    got: `${id} in ${path}`,
    expected: isKey ? "a key, which is an integer of 64 bits" : "an id as it stands in the data",
    next: "Remove the row from the file.",
  });
}

function refuseTooMany({ path, where, translation }: Seeded, keys: BigInt64Array): void {
  const { size, capacity } = translation.statistics();
  const fresh = translation.translate(keys).filter((row) => row === 0).length;
  if (size + fresh <= capacity) return;
  throw new DataError({
    what: "there are more vectors to start from than the table has room for",
    where,
    got: `more than ${capacity} ids in ${path}`,
    expected: `at most ${capacity} ids, the capacity of the table`,
    next: "Give the table a larger capacity, or keep fewer ids in the file.",
  });
}

function twice({ path, where }: Seeded, id: string): DataError {
  return new DataError({
    what: "an id stands twice among the vectors to start from",
    where,
    got: `${id} in ${path}`,
    expected: "each id once",
    next: "Remove one of the rows.",
  });
}
