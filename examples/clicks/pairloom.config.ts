import { defineConfig } from "pairloom";

/**
 * Will an ad be clicked? Twelve ids and no numbers: what there is to learn are effects of ids and of their pairs.
 *
 *   node --import jiti/register examples/clicks/generate.ts         write the rows, see README.md
 *   npx pairloom train examples/clicks/pairloom.config.ts --baselines
 */
export default defineConfig({
  data: {
    train: { path: "examples/clicks/data/train.csv" },
    valid: { path: "examples/clicks/data/valid.csv" },
    test: { path: "examples/clicks/data/test.csv" },
    label: "label",
  },
  features: [
    // A value that is rare in the training split shares the row of unknown values: a few rows say little about it.
    { kind: "id", name: "user", vocabulary: { minCount: 2 } },
    { kind: "id", name: "ad", vocabulary: { minCount: 2 } },
    { kind: "id", name: "advertiser", vocabulary: { minCount: 2 } },
    { kind: "id", name: "query", vocabulary: { minCount: 2 } },
    { kind: "id", name: "keyword", vocabulary: { minCount: 2 } },
    { kind: "id", name: "title", vocabulary: { minCount: 2 } },
    { kind: "id", name: "url", vocabulary: { minCount: 2 } },
    { kind: "id", name: "category", buckets: 30 },
    { kind: "id", name: "gender", buckets: 3 },
    { kind: "id", name: "age", buckets: 7 },
    { kind: "id", name: "position", buckets: 4 },
    { kind: "id", name: "depth", buckets: 4 },
  ],
  model: {
    kind: "dcnV2",
    features: [
      "user",
      "ad",
      "advertiser",
      "query",
      "keyword",
      "title",
      "url",
      "category",
      "gender",
      "age",
      "position",
      "depth",
    ],
    embeddingDim: 8,
    cross: { layers: 2 },
    final: { hiddenUnits: [64] },
  },
  // Without a length: training stops when the AUC on the validation split no longer improves, and the best model stays.
  train: {
    batchSize: 1024,
    optimizer: {
      dense: { kind: "adam", learningRate: 0.001 },
      embedding: { kind: "adam", learningRate: 0.002 },
    },
    // Pulls all rows of the tables towards 0: most ids are rare, and their effects would be overestimated.
    l2: { embedding: 3e-5 },
  },
});
