import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** Neural factorization machine. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "nfm",
    features: frappe.fields,
    embeddingDim: 20,
    mlp: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
  },
  train: training,
});
