import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** Deep & Cross Network. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "dcn",
    features: frappe.fields,
    embeddingDim: 20,
    cross: { layers: 3 },
    deep: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
  },
  train: training,
});
