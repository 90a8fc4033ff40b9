import { defineConfig } from "pairloom";
import din from "./pairloom.config.js";

/**
 * The same with the mean of the entries in place of their target attention.
 *
 *   npx pairloom train examples/histories/pooling.config.ts
 */
export default defineConfig({
  data: din.data,
  features: din.features,
  model: {
    kind: "mlp",
    embeddingDim: 16,
    features: ["topic"],
    sequences: [{ kind: "pooling", columns: ["clicked_topics", "clicked_ages"], pooling: "mean" }],
    mlp: { hiddenUnits: [32, 16] },
  },
  train: din.train,
});
