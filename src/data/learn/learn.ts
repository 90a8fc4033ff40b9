import { readFileSync } from "node:fs";
import { ConfigError, DataError, messageOf } from "../../errors.js";
import { sha256OfCode } from "../../features/code-files.js";
import { needsEntryStatistics, type Statistics } from "../../features/fit.js";
import type { FeatureFile } from "../../features/kinds/define-kind.js";
import {
  type FeatureConfig,
  fileOf,
  isDerived,
  learntVocabulary,
  type PlainFeatureConfig,
  plainOf,
  tableName,
} from "../../features/schema/features.js";
import { readTokenizer, tokensOf } from "../../features/tokenizer.js";
import { chooseKernels } from "../encode/choose-kernels.js";
import { readVector } from "../encode/vector-columns.js";
import type { Wire } from "../source/column-query.js";
import type { Duck } from "../source/duckdb.js";
import { type AnyVector, ListVector, type NumberVector, type ParsedNumbers } from "../source/vectors.js";
import { learnsNumbers, NumberLearner } from "./number-learner.js";
import { type VocabularyRule, vocabularySql } from "./vocabulary-sql.js";

/**
 * What features that read columns as they are learn from the training split: one scan for the vocabularies of one column,
 * one for those that several columns or lists share, and one for all numbers; and the vocabularies that are given. The
 * time is linear in the number of columns.
 *
 * @param training a SELECT of the rows of the training split
 * @param wires of each feature, in order
 */
export async function learnStatistics(
  duck: Duck,
  features: readonly FeatureConfig[],
  wires: readonly (readonly Wire[])[],
  training: string,
): Promise<Statistics> {
  const columns = features.flatMap((feature, index) =>
    isDerived(feature) ? [] : [{ feature: plainOf(feature), index, wire: wires[index][0] }],
  );
  return {
    vocabularies: {
      ...givenVocabularies(features.map(plainOf)),
      ...(await learnVocabularies(duck, columns, training)),
    },
    ...(await learnNumbers(duck, columns, training)),
    ...readFiles(features),
  };
}

/** The tokenizers that the features use, and the hashes of their modules. */
export function readFiles(features: readonly FeatureConfig[]): Pick<Statistics, "tokenizers" | "modules"> {
  const held = (kind: FeatureFile["holds"]) =>
    features.flatMap((feature, i) => {
      const file = fileOf(feature);
      return file?.holds === kind ? [[file.path, `features[${i}].${file.key}`] as const] : [];
    });
  const tokenizers = held("tokenizer").map(([file, where]) => [file, readTokenizer(file, where)]);
  const modules = held("module").map(([file, where]) => [file, sha256OfCode(file, where)]);
  return {
    ...(tokenizers.length > 0 && { tokenizers: Object.fromEntries(tokenizers) }),
    ...(modules.length > 0 && { modules: Object.fromEntries(modules) }),
  };
}

/** A feature that reads a column directly. */
interface FeatureColumn {
  readonly feature: PlainFeatureConfig;
  readonly index: number;
  readonly wire: Wire;
}

function vocabularyOf(feature: PlainFeatureConfig) {
  return feature.kind === "number" ? undefined : feature.vocabulary;
}

/** Vocabularies listed in the config or in a file, by the name of the table. */
export function givenVocabularies(
  features: readonly PlainFeatureConfig[],
): Record<string, readonly string[]> {
  const given: Record<string, readonly string[]> = {};
  features.forEach((feature, i) => {
    const vocabulary = vocabularyOf(feature);
    if (!vocabulary || "minCount" in vocabulary) return;
    const where = `features[${i}].vocabulary`;
    const values = "file" in vocabulary ? readVocabulary(vocabulary.file, where) : vocabulary;
    given[tableName(feature)] = distinct(values, where);
  });
  return given;
}

/** The lines of a vocabulary file without empty lines, or the tokens of a `tokenizer.json` ordered by id. */
export function readVocabulary(file: string, where: string): string[] {
  if (file.endsWith(".json")) return tokensOf(readTokenizer(file, `${where}.file`)).map(([token]) => token);
  try {
    return readFileSync(file, "utf8")
      .split(/\r?\n/)
      .filter((line) => line !== "");
  } catch (error) {
    throw new ConfigError(
      {
        what: "the vocabulary file cannot be read",
        where: `${where}.file`,
        got: messageOf(error),
        expected: "a UTF-8 file with one value per line",
        next: `Check the path. Relative paths start at ${process.cwd()}.`,
      },
      { cause: error },
    );
  }
}

function distinct(values: readonly string[], where: string): readonly string[] {
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value))
      throw new ConfigError({
        what: "the vocabulary has a value twice",
        where,
        got: JSON.stringify(value),
        expected: "distinct values",
        next: "Remove one of the two.",
      });
    seen.add(value);
  }
  if (seen.size > 0) return values;
  throw new ConfigError({
    what: "the vocabulary is empty",
    where,
    got: "no value",
    expected: "at least one value",
    next: "List the values, or use hash.",
  });
}

async function learnVocabularies(
  duck: Duck,
  columns: readonly FeatureColumn[],
  training: string,
): Promise<Record<string, readonly string[]>> {
  const rules = new Map<string, VocabularyRule>();
  for (const { feature } of columns) {
    const rule = learntVocabulary(feature);
    if (rule) rules.set(tableName(feature), rule);
  }
  if (rules.size === 0) return {};
  const tables = [...rules.keys()];
  const cells = columns.flatMap(({ feature, wire }) =>
    learntVocabulary(feature) ? [{ table: tables.indexOf(tableName(feature)), wire }] : [],
  );
  const found: string[][] = tables.map(() => []);
  const sql = vocabularySql(cells, [...rules.values()], training);
  for (const [table, value] of await duck.rows(sql, "features")) found[Number(table)].push(value as string);
  found.forEach((values, table) => {
    if (values.length === 0) throw nothingLearnt(tables[table], rules.get(tables[table])!);
  });
  return Object.fromEntries(tables.map((table, i) => [table, found[i]]));
}

export function nothingLearnt(table: string, { minCount }: Pick<VocabularyRule, "minCount">): DataError {
  return new DataError({
    what: "the training split has no value for a learned vocabulary",
    where: `features: ${table}`,
    got: "no value that occurs often enough",
    expected: "at least one value",
    next:
      minCount > 1
        ? "Check the column, or lower vocabulary.minCount."
        : "Check the column, or remove the feature.",
  });
}

interface Observed {
  readonly observe: (x: number) => void;
  readonly wire: Wire;
  /** Of lists, how many of the last entries are observed. */
  readonly most?: number;
}

/** Reads all columns of numbers in one scan. */
async function learnNumbers(
  duck: Duck,
  columns: readonly FeatureColumn[],
  training: string,
): Promise<Pick<Statistics, "numbers" | "boundaries" | "edges">> {
  const learner = new NumberLearner();
  const wanted = columns.flatMap(({ feature, index, wire }): Observed[] => {
    if (learnsNumbers(feature)) return [{ observe: learner.observer(feature, index), wire }];
    if (!needsEntryStatistics(feature)) return [];
    return [{ observe: learner.entryObserver(feature, index), wire, most: feature.maxLength }];
  });
  if (wanted.length === 0) return learner.learned();
  const kernels = chooseKernels();
  const values = wanted.map(({ wire }) => wire.sql);
  for await (const chunk of duck.stream(`SELECT ${values.join(", ")} FROM (${training})`, "features"))
    for (const [k, { observe, wire, most }] of wanted.entries())
      observeColumn(observe, readVector(chunk, k, wire.reads, kernels), most);
  return learner.learned();
}

function observeColumn(
  observe: (x: number) => void,
  vector: AnyVector,
  most = Number.POSITIVE_INFINITY,
): void {
  if (vector instanceof ListVector)
    for (let r = 0; r < vector.rows; r++) {
      const [start, end] = vector.isNull(r) ? [0, 0] : [vector.starts[r], vector.ends[r]];
      observeRange(observe, vector.child, Math.max(start, end - most), end);
    }
  else observeRange(observe, vector, 0, vector.rows);
}

function observeRange(observe: (x: number) => void, vector: AnyVector, from: number, to: number): void {
  const { values } = vector as NumberVector | ParsedNumbers;
  for (let r = from; r < to; r++) if (!vector.isNull(r)) observe(values[r]);
}
