import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

const optimizer = {
  kind: "adam",
  learningRate: 0.005,
  schedule: { kind: "reduceOnPlateau", factor: 0.1, patience: 1 },
} as const;

/** Factorization machine of dimension 20. It has no MLP, so it needs less regularisation than the other models. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features.map((feature) => ({
    ...feature,
    initializer: { kind: "normal" as const, std: 0.01 },
  })),
  model: { kind: "fm", features: frappe.fields, embeddingDim: 20 },
  train: {
    ...training,
    optimizer: { dense: optimizer, embedding: { ...optimizer, lazy: false } },
    l2: { embedding: 3e-5 },
  },
});
