import { defineConfig } from "pairloom";

/** The config that the commands of the docs use, unless their page shows one of its own. */
export default defineConfig({
  data: {
    train: { path: "train.csv" },
    valid: { path: "valid.csv" },
    test: { path: "test.csv" },
    label: "clicked",
  },
  features: [
    { kind: "id", name: "user", hash: 100 },
    { kind: "id", name: "item", vocabulary: {} },
    { kind: "id", name: "origin", vocabulary: {} },
    { kind: "id", name: "hour", buckets: 24 },
    { kind: "number", name: "price", normalize: "zscore" },
  ],
  model: {
    kind: "dlrm",
    embeddingDim: 8,
    dense: { features: ["price"], mlp: { hiddenUnits: [8] } },
    sparse: { features: ["user", "item", "origin", "hour"] },
    final: { hiddenUnits: [16] },
  },
  train: { batchSize: 128 },
});
