import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** WuKong with two layers, ten fields. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "wukong",
    sparse: { features: frappe.fields },
    embeddingDim: 20,
    layers: [
      { linearFields: 10, interactionFields: 10, rank: 8, mlp: { hiddenUnits: [200] } },
      { linearFields: 10, interactionFields: 10, rank: 8, mlp: { hiddenUnits: [200] } },
    ],
    final: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
  },
  train: training,
});
