import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** DCN version 2 in its parallel structure. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "dcnV2",
    features: frappe.fields,
    embeddingDim: 20,
    cross: { layers: 3 },
    deep: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
  },
  train: { ...training, average: { decay: 0.999 } },
});
