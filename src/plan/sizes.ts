import { ConfigError } from "../errors.js";
import { tableRows } from "../features/fit.js";
import {
  type FeatureConfig,
  hasTable,
  learntQuantiles,
  learntVocabulary,
  type PlainFeatureConfig,
  plainOf,
  tableName,
} from "../features/schema/features.js";
import type { FeatureInfo } from "../models/model.js";
import { configuredFeatureInfos } from "../train/feature-info.js";
import type { Stores } from "./demand.js";

/** Features with the rows of their tables, as far as a config alone tells them. */
export interface SizedFeatures {
  readonly stores: Stores;
  readonly features: readonly FeatureInfo[];
  /** Of tables that may become smaller. */
  readonly guesses: readonly string[];
}

/** @throws ConfigError for a table whose rows only the training data tells */
export async function sizedFeatures(configs: readonly FeatureConfig[]): Promise<SizedFeatures> {
  const plain = configs.map(plainOf).filter(hasTable);
  const given = plain.some(hasGivenVocabulary) ? await givenVocabularies(plain) : {};
  const most = plain.flatMap((feature) =>
    mostValues(
      feature,
      configs.findIndex((each) => each.name === feature.name),
    ),
  );
  const vocabularies = Object.fromEntries(most.map(([table, values]) => [table, ofLength<string>(values)]));
  const boundaries = Object.fromEntries(
    plain.flatMap((feature) => {
      const ranges = learntQuantiles(feature);
      return ranges === undefined ? [] : [[tableName(feature), ofLength<number>(ranges - 1)]];
    }),
  );
  const rows = tableRows(configs, { vocabularies: { ...vocabularies, ...given }, boundaries });
  const guessed = [...new Set([...Object.keys(vocabularies), ...Object.keys(boundaries)])];
  return {
    features: configuredFeatureInfos(configs, rows),
    stores: new Map(plain.flatMap((each) => (each.store ? [[tableName(each), each.store] as const] : []))),
    guesses: guessed.length > 0 ? [`rows: the most that ${guessed.join(", ")} may have`] : [],
  };
}

function hasGivenVocabulary(feature: PlainFeatureConfig): boolean {
  return feature.kind !== "number" && feature.vocabulary !== undefined && !learntVocabulary(feature);
}

async function givenVocabularies(plain: readonly PlainFeatureConfig[]) {
  const learn = await import("../data/learn/learn.js");
  return learn.givenVocabularies(plain);
}

/** Of a learned vocabulary: the table, and the most values that it may have. */
function mostValues(feature: PlainFeatureConfig, index: number): [table: string, values: number][] {
  const learnt = learntVocabulary(feature);
  if (!learnt) return [];
  if (learnt.maxSize !== undefined) return [[tableName(feature), learnt.maxSize]];
  throw new ConfigError({
    what: "only the training data tells how many rows this table has",
    where: `features[${index}].vocabulary`,
    got: "a learned vocabulary without maxSize",
    next: "Add --measure, which reads the data, or give the vocabulary a maxSize.",
  });
}

/** For its length. */
const ofLength = <T>(length: number): readonly T[] => new Array<T>(length);
