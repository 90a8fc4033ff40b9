import { defineConfig } from "pairloom";

/**
 * A plane has just taken off: will it land 15 minutes late or more? DLRM on 3 million US flights of 2001.
 *
 *   npm start                                                       train this config, then score a few flights
 *   npx pairloom train examples/flights/pairloom.config.ts          only train it
 */
export default defineConfig({
  data: {
    source: {
      // Any csv, tsv, parquet or json file, or a pattern. Relative paths are resolved from the current directory.
      path: "node_modules/vega-datasets/data/flights-3m.parquet",
      // Features and label as columns. `date` is the actual departure and `delay` is how late the plane landed, so the
      // model uses only what is known at take-off. The minute is left out: scheduled departures are at round minutes, so
      // an odd minute would reveal a delay. The hour can reveal one too (a route without a flight at 22:00 that leaves
      // then is late), but this is known at take-off.
      sql: `
        SELECT
          hour(date) AS hour, isodow(date) AS weekday, month(date) AS month,
          distance, origin, destination,
          delay >= 15 AS late,
          date
        FROM source`,
    },
    // Split by time, because the model will be used on the future: train on the past.
    split: { time: "date", valid: "2001-06-04", test: "2001-06-18" },
    label: "late",
  },
  features: [
    { kind: "id", name: "hour", buckets: 24 },
    { kind: "id", name: "weekday", buckets: 8 },
    { kind: "id", name: "month", buckets: 13 },
    { kind: "number", name: "distance", normalize: "zscore" },
    { kind: "id", name: "origin", vocabulary: { minCount: 10 } },
    { kind: "id", name: "destination", vocabulary: { minCount: 10 } },
    // The pair as one id, so that even a linear model can learn that a route is always late.
    { kind: "id", name: "route", columns: ["origin", "destination"], hash: 20_000 },
  ],
  model: {
    kind: "dlrm",
    embeddingDim: 16,
    dense: { features: ["distance"], mlp: { hiddenUnits: [64, 16] } },
    sparse: { features: ["hour", "weekday", "month", "origin", "destination", "route"] },
    final: { hiddenUnits: [128, 64] },
  },
  // Chosen on the validation split: a third epoch does not improve it.
  train: {
    batchSize: 4096,
    epochs: 2,
    optimizer: {
      dense: { kind: "adam", learningRate: 0.002 },
      embedding: { kind: "adam", learningRate: 0.002 },
    },
  },
});
