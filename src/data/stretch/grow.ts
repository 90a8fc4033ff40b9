import type { FittedFeatures } from "../../features/fitted.js";
import { withValues } from "../../features/grow.js";
import {
  type FeatureConfig,
  isDerived,
  learntVocabulary,
  plainOf,
  tableName,
} from "../../features/schema/features.js";
import { ChunkEncoder } from "../encode/chunk-encoder.js";
import type { Job } from "../job.js";
import { countTexts, frequentOf } from "../learn/learn-derived.js";
import { type VocabularyRule, vocabularySql } from "../learn/vocabulary-sql.js";
import type { Duck } from "../source/duckdb.js";

/** A feature whose vocabulary grows. */
interface Growing {
  readonly feature: FeatureConfig;
  readonly index: number;
  readonly table: string;
  readonly rule: VocabularyRule;
}

/** The features with the new values of a stretch in the vocabularies that grow, in the order of training. */
export async function growVocabularies(
  duck: Duck,
  features: readonly FeatureConfig[],
  fitted: FittedFeatures,
  { wires, source, splits: [{ predicate = "true" }] }: Job,
): Promise<FittedFeatures> {
  const growing = growingOf(features);
  if (growing.length === 0) return fitted;
  const rows = `SELECT * FROM (${source.select()}) WHERE (${predicate}\n)`;
  const [derived, plain] = [true, false].map((kind) =>
    growing.filter(({ feature }) => isDerived(feature) === kind),
  );
  const found = new Map([
    ...(plain.length > 0 ? await columnValues(duck, plain, wires, rows) : []),
    ...(derived.length > 0 ? await computedValues(duck, derived, fitted, wires, rows) : []),
  ]);
  const added = growing.map(({ table, rule }) => {
    const known = new Set(fitted.vocabularies[table]);
    const fresh = (found.get(table) ?? []).filter((value) => !known.has(value));
    const room = Math.max(0, (rule.maxSize ?? Number.POSITIVE_INFINITY) - known.size);
    return [table, fresh.slice(0, room)] as const;
  });
  return withValues(fitted, new Map(added));
}

function growingOf(features: readonly FeatureConfig[]): Growing[] {
  return features.flatMap((feature, index) => {
    const rule = learntVocabulary(plainOf(feature));
    return rule?.grow ? [{ feature, index, table: tableName(plainOf(feature)), rule }] : [];
  });
}

/** The frequent values of each table, most frequent first. */
type ValuesByTable = [table: string, values: string[]][];

async function columnValues(
  duck: Duck,
  growing: readonly Growing[],
  wires: Job["wires"],
  rows: string,
): Promise<ValuesByTable> {
  const tables = [...new Set(growing.map(({ table }) => table))];
  const rules = tables.map((name) => growing.find(({ table }) => table === name)!.rule);
  const cells = growing.map(({ table, index }) => ({ table: tables.indexOf(table), wire: wires[index][0] }));
  const found: string[][] = tables.map(() => []);
  const sql = vocabularySql(
    cells,
    rules.map(({ minCount }) => ({ minCount })),
    rows,
  );
  for (const [table, value] of await duck.rows(sql, "features")) found[Number(table)].push(value as string);
  return tables.map((table, i) => [table, found[i]]);
}

async function computedValues(
  duck: Duck,
  growing: readonly Growing[],
  fitted: FittedFeatures,
  wires: Job["wires"],
  rows: string,
): Promise<ValuesByTable> {
  const counts = new Map(growing.map(({ table }) => [table, new Map<string, number>()]));
  const tableOf = new Map(growing.map(({ feature, table }) => [feature.name, table]));
  const observe = (feature: string, values: readonly unknown[]) => {
    const table = counts.get(tableOf.get(feature) ?? "");
    if (table) for (const value of values) countTexts(value, table);
  };
  const encoder = new ChunkEncoder(fitted, wires, undefined, { observe });
  const sql = `SELECT ${encoder.projection.join(", ")} FROM (${rows})`;
  for await (const chunk of duck.stream(sql, "features")) encoder.encode(chunk);
  return growing.map(({ table, rule }) => [table, frequentOf(counts.get(table)!, rule.minCount)]);
}
