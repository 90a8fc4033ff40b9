import { defineConfig } from "pairloom";

/**
 * A plane takes off: will it land 15 minutes late or more? DLRM on 3 million US flights of 2001.
 *
 *   npm start                                                       trains this config, then scores a few flights
 *   npx pairloom train examples/flights/pairloom.config.ts          trains it alone
 */
export default defineConfig({
  data: {
    source: {
      // Any csv, tsv, parquet or json file, or a pattern; paths start where the command runs.
      path: "node_modules/vega-datasets/data/flights-3m.parquet",
      // Features and label as columns. `date` is when the plane really left and `delay` how late it landed, so the
      // model knows what is known at take-off. Schedules like round minutes: the minute would tell of the delay, and
      // is left out. The hour stays; a route with nothing scheduled at 22:00 that leaves then is late, and says so.
      sql: `
        SELECT
          hour(date) AS hour, isodow(date) AS weekday, month(date) AS month,
          distance, origin, destination,
          delay >= 15 AS late,
          date
        FROM source`,
    },
    // Split by time, as the model will be used: trained on the past, asked about the future.
    split: {
      train: "date < '2001-06-04'",
      valid: "date >= '2001-06-04' AND date < '2001-06-18'",
      test: "date >= '2001-06-18'",
    },
    label: "late",
  },
  features: [
    { kind: "id", name: "hour", buckets: 24 },
    { kind: "id", name: "weekday", buckets: 8 },
    { kind: "id", name: "month", buckets: 13 },
    { kind: "number", name: "distance", normalize: "zscore" },
    { kind: "id", name: "origin", vocabulary: { minCount: 10 } },
    { kind: "id", name: "destination", vocabulary: { minCount: 10 } },
    // The pair as one id, so that even a linear model can know that a route is always late.
    { kind: "id", name: "route", columns: ["origin", "destination"], hash: 20_000 },
  ],
  model: {
    kind: "dlrm",
    embeddingDim: 16,
    dense: { features: ["distance"], mlp: { hiddenUnits: [64, 16] } },
    sparse: { features: ["hour", "weekday", "month", "origin", "destination", "route"] },
    final: { hiddenUnits: [128, 64] },
  },
  // Chosen on the validation split: a third epoch no longer improves it.
  train: {
    batchSize: 4096,
    epochs: 2,
    optimizer: {
      dense: { kind: "adam", learningRate: 0.002 },
      embedding: { kind: "adam", learningRate: 0.002 },
    },
  },
});
