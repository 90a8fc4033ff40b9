import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** DeepFM: a factorization machine and an MLP on the same embeddings. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "deepfm",
    wide: { features: frappe.fields, embeddingDim: 1 },
    deep: {
      features: frappe.fields,
      mlp: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
    },
    embeddingDim: 20,
  },
  train: training,
});
