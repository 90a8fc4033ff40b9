import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** MaskNet with three parallel blocks. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "maskNet",
    features: frappe.fields,
    embeddingDim: 20,
    structure: "parallel",
    blocks: { count: 3, units: 200, reductionRatio: 1 },
    mlp: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
  },
  train: training,
});
