import type { FeatureInput } from "../../src/features/schema/features.js";

/** A way to read a column: as a feature `f`, or as a label or weight beside a feature of another column. */
export interface Reader {
  readonly name: string;
  readonly feature: (column: string) => FeatureInput;
  readonly target?: "label" | "weight";
}

const FEATURES: Readonly<Record<string, (column: string) => FeatureInput>> = {
  hash: (column) => ({ kind: "id", name: "f", column, hash: 1_000_003 }),
  key: (column) => ({ kind: "id", name: "f", column, dynamic: { capacity: 10 } }),
  crossedKey: (column) => ({ kind: "id", name: "f", columns: [column, "other"], dynamic: { capacity: 10 } }),
  keys: (column) => ({ kind: "ids", name: "f", column, dynamic: { capacity: 10 }, missing: { value: -5 } }),
  weightedKeys: (column) => ({ kind: "ids", name: "f", column, dynamic: { capacity: 10 }, weighted: true }),
  missingRefused: (column) => ({ kind: "id", name: "f", column, hash: 1_000_003, missing: "refuse" }),
  vocabulary: (column) => ({
    kind: "id",
    name: "f",
    column,
    vocabulary: ["a", "3", "0.1", "true"],
    outOfVocabulary: "refuse",
  }),
  buckets: (column) => ({ kind: "id", name: "f", column, buckets: 50 }),
  cross: (column) => ({ kind: "id", name: "f", columns: [column, "other"], hash: 1_000_003 }),
  bag: (column) => ({ kind: "ids", name: "f", column, hash: 1_000_003 }),
  bars: (column) => ({ kind: "ids", name: "f", column, hash: 1_000_003, separator: "|", maxLength: 2 }),
  bagOfBuckets: (column) => ({ kind: "ids", name: "f", column, buckets: 50, outOfRange: "bucket" }),
  sequence: (column) => ({ kind: "sequence", name: "f", column, hash: 1_000_003, max: 2 }),
  sequenceOfBuckets: (column) => ({ kind: "sequence", name: "f", column, buckets: 50, outOfRange: "bucket" }),
  weighted: (column) => ({ kind: "ids", name: "f", column, hash: 1_000_003, weighted: true }),
  number: (column) => ({ kind: "number", name: "f", column }),
  imputed: (column) => ({
    kind: "number",
    name: "f",
    column,
    nonFinite: "impute",
    missing: 7,
    normalize: "log",
  }),
  ranges: (column) => ({ kind: "number", name: "f", column, boundaries: [-1, 0, 0.1, 0.7, 10] }),
  vector: (column) => ({ kind: "number", name: "f", column, width: 2, separator: "," }),
  combo: (column) => ({ kind: "combo", name: "f", inputs: [column, "other"], hash: 1_000_003 }),
  mask: (column) => ({ kind: "mask", name: "f", input: "other", mask: column, hash: 1_000_003 }),
  tokenize: (column) => ({ kind: "tokenize", name: "f", input: column, hash: 1_000_003 }),
  lookupMap: (column) => ({ kind: "lookup", name: "f", map: column, key: "other", hash: 1_000_003 }),
  lookupKey: (column) => ({
    kind: "lookup",
    name: "f",
    map: "other",
    key: column,
    hash: 1_000_003,
    withKey: true,
  }),
  match: (column) => ({
    kind: "match",
    name: "f",
    map: column,
    primary: "*",
    secondary: "*",
    hash: 1_000_003,
  }),
  combine: (column) => ({ kind: "combine", name: "f", input: column, combiner: "max" }),
  overlap: (column) => ({
    kind: "overlap",
    name: "f",
    query: column,
    title: "other",
    method: "query_common_ratio",
  }),
  kvDot: (column) => ({ kind: "kvDot", name: "f", query: column, document: "other" }),
  expression: (column) => ({ kind: "expression", name: "f", variables: { x: column }, expression: "x + 1" }),
  hour: (column) => ({ kind: "datePart", name: "f", input: column, part: "hour", buckets: 24 }),
  seconds: (column) => ({
    kind: "datePart",
    name: "f",
    input: column,
    part: "daysSinceEpoch",
    unit: "seconds",
  }),
};

const OTHER: FeatureInput = { kind: "id", name: "f", column: "other", hash: 1_000_003 };

export const READERS: readonly Reader[] = [
  ...Object.entries(FEATURES).map(([name, feature]) => ({ name, feature })),
  { name: "label", feature: () => OTHER, target: "label" },
  { name: "weight", feature: () => OTHER, target: "weight" },
];
