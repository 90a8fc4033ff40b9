import { defineConfig } from "pairloom";

/**
 * Will the user click on a topic? That depends on when the user last clicked on it, so that a history must be weighed entry by entry.
 *
 *   node --import jiti/register examples/histories/generate.ts         write the events and the rows, see README.md
 *   npx pairloom train examples/histories/pairloom.config.ts
 */
export default defineConfig({
  data: {
    source: {
      path: "examples/histories/data/rows.csv",
      events: {
        clicks: { path: "examples/histories/data/events.csv", by: "user", time: "time", max: 30 },
      },
    },
    // No user is in two of the splits.
    split: { by: "user", train: 0.7, valid: 0.1, test: 0.2 },
    label: "clicked",
  },
  features: [
    { kind: "id", name: "topic", buckets: 40 },
    {
      kind: "sequence",
      name: "clicked_topics",
      sequence: "clicks",
      column: "clicks.topic",
      buckets: 40,
      embedding: "topic",
    },
    {
      kind: "ages",
      name: "clicked_ages",
      sequence: "clicks",
      column: "clicks.time",
      time: "time",
      buckets: 24,
      dim: 4,
    },
  ],
  model: {
    kind: "mlp",
    embeddingDim: 16,
    features: ["topic"],
    sequences: [
      {
        kind: "din",
        query: ["topic"],
        columns: ["clicked_topics", "clicked_ages"],
        mlp: { hiddenUnits: [32, 16] },
      },
    ],
    mlp: { hiddenUnits: [32, 16] },
  },
  train: {
    batchSize: 512,
    epochs: 4,
    optimizer: {
      dense: { kind: "adam", learningRate: 0.002 },
      embedding: { kind: "adam", learningRate: 0.005 },
    },
  },
});
