import { defineConfig } from "pairloom";
import { frappe } from "./data.js";

/** DLRM with dot interaction and no dense group: ten fields of dimension 20, 45 products. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "dlrm",
    sparse: { features: frappe.fields },
    embeddingDim: 20,
    final: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
    archWithSparse: true,
  },
  train: {
    batchSize: 4096,
    epochs: 100,
    optimizer: {
      dense: {
        kind: "adam",
        learningRate: 0.001,
        schedule: { kind: "reduceOnPlateau", factor: 0.1, patience: 1 },
      },
      embedding: {
        kind: "adam",
        learningRate: 0.001,
        lazy: false,
        schedule: { kind: "reduceOnPlateau", factor: 0.1, patience: 1 },
      },
    },
    l2: { embedding: 0.1 },
    earlyStopping: { metric: "auc", patience: 2 },
  },
});
