import type { ConfigInput } from "pairloom";

/**
 * Frappe app-usage clicks (Baltrunas et al., 2015) in the split of the BARS benchmark: ten categorical fields. The terms
 * allow research only, so the data is not part of this repository. The paths are relative to the folder that you give to
 * `npm run leaderboard -- --data DIR`.
 */
const fields = [
  "user",
  "item",
  "daytime",
  "weekday",
  "isweekend",
  "homework",
  "cost",
  "weather",
  "country",
  "city",
] as const;

export const frappe = {
  fields: [...fields],
  data: {
    train: { path: "train.csv" },
    valid: { path: "valid.csv" },
    test: { path: "test.csv" },
    label: "label",
  },
  features: fields.map((name) => ({
    kind: "id" as const,
    name,
    vocabulary: {},
    initializer: { kind: "normal" as const, std: 1e-4 },
  })),
} satisfies Partial<ConfigInput> & { fields: string[] };

const plateau = { kind: "reduceOnPlateau", factor: 0.1, patience: 1 } as const;

/** Training settings of the benchmark: Adam, a tenth of the rate when validation AUC stalls, then early stopping. */
export const training = {
  batchSize: 4096,
  epochs: 100,
  optimizer: {
    dense: { kind: "adam", learningRate: 0.001, schedule: plateau },
    embedding: { kind: "adam", learningRate: 0.001, lazy: false, schedule: plateau },
  },
  l2: { embedding: 0.1 },
  earlyStopping: { metric: "auc", patience: 2 },
} satisfies ConfigInput["train"];
