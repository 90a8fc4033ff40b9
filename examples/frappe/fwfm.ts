import { defineConfig } from "pairloom";
import { frappe, training } from "./data.js";

/** Field-weighted factorization machine. */
export default defineConfig({
  data: frappe.data,
  features: frappe.features,
  model: {
    kind: "fwfm",
    features: frappe.fields,
    embeddingDim: 20,
  },
  train: training,
});
