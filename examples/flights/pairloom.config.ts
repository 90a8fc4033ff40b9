import { defineConfig } from "pairloom";

/**
 * A plane leaves the gate now: will it land 15 minutes late or more? DCN-v2 on 3 million US flights of 2001.
 *
 *   npm start                                                       train this config, then score a few flights
 *   npx pairloom train examples/flights/pairloom.config.ts          only train it
 *
 * This is no forecast from the timetable: `date` in this data is the actual departure. An hour at which a route seldom has a
 * flight is often that of a late one, and this is a large part of what the crosses with the hour learn.
 */
export default defineConfig({
  data: {
    source: {
      // Any csv, tsv, parquet or json file, or a pattern. Relative paths are resolved from the current directory.
      path: "node_modules/vega-datasets/data/flights-3m.parquet",
      // Features and label as columns. `date` is the actual departure and `delay` is how late the plane landed, so the
      // model uses only what is known when the plane leaves. The minute is left out: scheduled departures are at round
      // minutes, so an odd minute would reveal a delay.
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
    // Crosses: a combination of values as one id, so that even a linear model can learn that a route is always late.
    { kind: "id", name: "route", columns: ["origin", "destination"], hash: 20_000 },
    { kind: "id", name: "routeHour", columns: ["origin", "destination", "hour"], vocabulary: {} },
    { kind: "id", name: "originHour", columns: ["origin", "hour"], vocabulary: {} },
    { kind: "id", name: "destinationHour", columns: ["destination", "hour"], vocabulary: {} },
  ],
  model: {
    kind: "dcnV2",
    features: [
      "hour",
      "weekday",
      "month",
      "distance",
      "origin",
      "destination",
      "route",
      "routeHour",
      "originHour",
      "destinationHour",
    ],
    embeddingDim: 16,
    cross: { layers: 2 },
    final: { hiddenUnits: [128, 64] },
  },
  // Chosen on the validation split. One epoch, in which the learning rates fall to 0: a second one overfits.
  train: {
    batchSize: 4096,
    epochs: 1,
    optimizer: {
      dense: { kind: "adam", learningRate: 0.002, schedule: { kind: "cosine", to: "end" } },
      embedding: { kind: "adam", learningRate: 0.008, schedule: { kind: "cosine", to: "end" } },
    },
    // Pulls the rows of all tables towards 0 in every step, above all those of rare combinations.
    l2: { embedding: 1e-6 },
  },
});
