import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** AutoInt+: self-attention beside an MLP. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "autoInt",
    features: frappe.fields,
    embeddingDim: 20,
    attention: { layers: 2, heads: 2, headDim: 16 },
    deep: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
  },
  train: training,
});
