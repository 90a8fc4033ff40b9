import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** Product-based neural network with inner products. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "pnn",
    features: frappe.fields,
    embeddingDim: 20,
    product: "inner",
    mlp: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
  },
  train: training,
});
