import { defineConfig } from "pairloom";
import flights from "./pairloom.config.js";

/**
 * The flights example with the share of late flights of each route and hour as a feature, learned from earlier flights.
 *
 *   npx pairloom train examples/flights/target-mean.config.ts
 */
export default defineConfig({
  data: flights.data,
  features: [
    { kind: "id", name: "hour", buckets: 24 },
    { kind: "id", name: "weekday", buckets: 8 },
    { kind: "id", name: "month", buckets: 13 },
    { kind: "number", name: "distance", normalize: "zscore" },
    { kind: "id", name: "origin", vocabulary: { minCount: 10 } },
    { kind: "id", name: "destination", vocabulary: { minCount: 10 } },
    { kind: "id", name: "route", columns: ["origin", "destination"], hash: 20_000 },
    {
      kind: "targetMean",
      name: "late_share",
      columns: ["origin", "destination", "hour"],
      normalize: "zscore",
    },
  ],
  model: {
    kind: "dlrm",
    embeddingDim: 16,
    dense: { features: ["distance", "late_share"], mlp: { hiddenUnits: [64, 16] } },
    sparse: { features: ["hour", "weekday", "month", "origin", "destination", "route"] },
    final: { hiddenUnits: [128, 64] },
  },
  train: {
    batchSize: 4096,
    epochs: 1,
    optimizer: {
      dense: { kind: "adam", learningRate: 0.002, schedule: { kind: "cosine", to: "end" } },
      embedding: { kind: "adam", learningRate: 0.002, lazy: false, schedule: { kind: "cosine", to: "end" } },
    },
  },
});
