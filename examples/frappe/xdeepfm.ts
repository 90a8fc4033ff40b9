import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** xDeepFM: two layers of the compressed interaction network, a first-order term and an MLP on the same embeddings. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "xdeepfm",
    wide: { features: frappe.fields, tables: "shared" },
    deep: {
      features: frappe.fields,
      mlp: { hiddenUnits: [400, 400, 400], norm: "batch", dropout: 0.2 },
    },
    embeddingDim: 20,
    cin: { layers: [16, 16] },
    linear: true,
  },
  train: training,
});
