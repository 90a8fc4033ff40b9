import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** Wide & Deep. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "wideAndDeep",
    wide: { features: frappe.fields, embeddingDim: 1 },
    deep: { features: frappe.fields, mlp: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 } },
    embeddingDim: 20,
  },
  train: training,
});
