import type { BagColumn, IdColumn, Ids } from "../columns/columns.js";
import type { Config } from "../config/config.js";
import { NULL_WORDS } from "../data/null-words.js";
import type { PreparedData } from "../data/pack/prepared.js";
import type { HistoryKeys } from "../data/source/history-keys.js";
import type { Absence } from "../features/absences.js";
import { readingOf } from "../features/reading.js";
import { type FeatureConfig, targetRuleOf } from "../features/schema/features.js";
import { ownValue } from "../own-value.js";

/** What in the data of a run deserves a look. */
export type DataWarning =
  /** Splits differ in the share of values of a feature that are missing or unknown. */
  | {
      readonly about: "absences";
      readonly feature: string;
      readonly absence: Absence;
      /** By split: the share of its rows. */
      readonly shares: Readonly<Record<string, number>>;
    }
  /** Nearly all ids of a feature in a split have a row of the table that no row of the training split has. */
  | { readonly about: "unseen"; readonly feature: string; readonly split: string }
  /** Hardly any key of rows occurs in a table of events, so that their histories are empty. */
  | { readonly about: "keys"; readonly events: string; readonly keys: HistoryKeys }
  /** A vocabulary has words that usually stand for missing values. */
  | { readonly about: "nullWords"; readonly table: string; readonly words: readonly string[] }
  /** A feature with the mean label of other folds, and an id with the same key. */
  | { readonly about: "sameKey"; readonly mean: string; readonly id: string };

/** Shares of the training split and of another one that differ by more than this are suspicious. */
const SUSPICIOUS = 0.2;

export function dataWarnings(prepared: PreparedData): DataWarning[] {
  const { features, vocabularies } = prepared.features;
  const absences = features.flatMap(({ name }) =>
    (["missing", "unknown"] as const).flatMap((absence): DataWarning[] => {
      const shares = sharesOf(prepared, name, absence);
      const differs = Object.values(shares).some((share) => Math.abs(share - shares.train) > SUSPICIOUS);
      return differs ? [{ about: "absences", feature: name, absence, shares }] : [];
    }),
  );
  const words = Object.entries(vocabularies).flatMap(([table, values]): DataWarning[] => {
    const known = new Set(values);
    const found = NULL_WORDS.filter((word) => known.has(word));
    return found.length === 0 ? [] : [{ about: "nullWords", table, words: found }];
  });
  return [...absences, ...unseenIds(prepared), ...unmetKeys(prepared), ...words];
}

/** Keys that are written in two ways: few rows have a history then. */
function unmetKeys({ keys = {} }: PreparedData): DataWarning[] {
  return Object.entries(keys).flatMap(([events, each]): DataWarning[] =>
    each.example !== undefined && each.found < SEEN_AT_LEAST * each.keys
      ? [{ about: "keys", events, keys: each }]
      : [],
  );
}

/**
 * A model that knows the key and the mean of the other folds can compute the labels of a row's own fold from them. Rows divided
 * by time have means of earlier rows instead.
 */
export function sameKeyWarnings({ data, features }: Pick<Config, "data" | "features">): DataWarning[] {
  if (data.split?.time !== undefined) return [];
  const keyOf = (feature: FeatureConfig) => JSON.stringify([...readingOf(feature).columns].sort());
  const ids = features.filter(({ kind }) => kind === "id");
  return features.filter(targetRuleOf).flatMap((mean): DataWarning[] => {
    const id = ids.find((each) => keyOf(each) === keyOf(mean));
    return id ? [{ about: "sameKey", mean: mean.name, id: id.name }] : [];
  });
}

function sharesOf({ splits }: PreparedData, feature: string, absence: Absence): Record<string, number> {
  const shares = Object.entries(splits).map(([name, { rows, absences }]) => [
    name,
    (ownValue(absences, feature)?.[absence] ?? 0) / Math.max(rows, 1),
  ]);
  return Object.fromEntries(shares);
}

/** Rows of a split that are looked at, evenly spaced. */
const SAMPLED_ROWS = 10_000;
/** The share of their ids that must occur in the training split, and of keys that must occur in the events. */
const SEEN_AT_LEAST = 0.1;

/** Tables without a row for unknown values, where an id written in another way is just another id. */
function unseenIds({ features, splits }: PreparedData): DataWarning[] {
  const { train, ...others } = splits;
  return features.features.flatMap((feature) => {
    if (feature.kind === "number" || !["hash", "integer"].includes(feature.mapping.kind)) return [];
    const trained = train.columns.get(feature.name) as IdColumn | BagColumn;
    return Object.entries(others).flatMap(([split, { columns, rows }]): DataWarning[] => {
      const ids = sampledIds(columns.get(feature.name) as IdColumn | BagColumn, rows);
      if (feature.kind === "id") ids.delete(feature.missingRow as number);
      const isUnseen = ids.size > 1 && !occur(ids, trained, train.rows);
      return isUnseen ? [{ about: "unseen", feature: feature.name, split }] : [];
    });
  });
}

function sampledIds(column: IdColumn | BagColumn, rows: number): Set<number | bigint> {
  const ids = new Set<number | bigint>();
  const step = Math.max(1, Math.floor(rows / SAMPLED_ROWS));
  for (let r = 0; r < rows; r += step) for (const id of idsOf(column, r)) ids.add(id);
  return ids;
}

/** True as soon as enough of the ids occur in the first rows of the column. */
function occur(ids: ReadonlySet<number | bigint>, column: IdColumn | BagColumn, rows: number): boolean {
  const seen = new Set<number | bigint>();
  for (let r = 0; r < rows; r++)
    for (const id of idsOf(column, r)) {
      if (ids.has(id)) seen.add(id);
      if (seen.size >= SEEN_AT_LEAST * ids.size) return true;
    }
  return false;
}

function idsOf(column: IdColumn | BagColumn, row: number): Ids {
  if (column.kind === "ids")
    return column.values.subarray(Number(column.offsets[row]), Number(column.offsets[row + 1]));
  const at = column.offset + row * column.stride;
  return column.data.subarray(at, at + 1);
}

export function warningText(warning: DataWarning): string {
  if (warning.about === "nullWords")
    return `${warning.table} has a row for ${warning.words.join(", ")}: if that means missing, list it in nullValues of the source`;
  if (warning.about === "unseen")
    return `hardly any id of ${warning.feature} in ${warning.split} occurs in train: compare how the values are written in each split`;
  if (warning.about === "keys") {
    const { by, keys, found, example } = warning.keys;
    const [row, event] = [example!.rows, example!.events].map((key) => JSON.stringify(key));
    return `hardly any ${by} of the rows occurs in ${warning.events} (${found} of ${keys}), so their histories are empty: compare how it is written in both, such as ${row} in the rows and ${event} in the events`;
  }
  if (warning.about === "sameKey")
    return `${warning.mean} and ${warning.id} have the same key, from which a model can learn the labels of training rows by heart: use one of the two, or divide the rows by time (docs/features.md, targetMean)`;
  const { feature, absence, shares } = warning;
  const parts = Object.entries(shares).map(([split, share]) => `${(100 * share).toFixed(1)} % of ${split}`);
  const advice =
    absence === "unknown"
      ? "compare how the values are written in each split"
      : "compare the column in each split";
  return `${feature} is ${absence} in ${parts.join(", ")}: ${advice}`;
}
