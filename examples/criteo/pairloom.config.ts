import { defineConfig } from "pairloom";

/**
 * Will a display ad be clicked? DLRM on the original Criteo display-advertising file: a label, 13 counts and 26 hashed
 * categories, separated by tabs, without a header; an empty field means missing. Criteo's terms allow non-commercial use
 * and no redistribution, so the data is not part of this repository. Name your copy:
 *
 *   CRITEO=train.txt npx pairloom train examples/criteo/pairloom.config.ts
 */
const counts = Array.from({ length: 13 }, (_, i) => `I${i + 1}`);
const categories = Array.from({ length: 26 }, (_, i) => `C${i + 1}`);

export default defineConfig({
  data: {
    source: {
      // Relative paths are resolved from the current directory. The complete file of the Kaggle challenge is train.txt.
      path: process.env.CRITEO ?? "train.txt",
      format: "tsv",
      columns: ["clicked", ...counts, ...categories],
    },
    // Random, row by row; the same rows in every run.
    split: { train: 0.8, valid: 0.1, test: 0.1 },
    label: "clicked",
  },
  features: [
    // log(1 + x), and 0 where the count is missing or negative.
    ...counts.map((name) => ({ kind: "number" as const, name, normalize: "log" as const })),
    // Values with fewer than ten occurrences share one row, as in most published results.
    ...categories.map((name) => ({ kind: "id" as const, name, vocabulary: { minCount: 10 } })),
  ],
  model: {
    kind: "dlrm",
    embeddingDim: 16,
    dense: { features: counts, mlp: { hiddenUnits: [512, 256, 64, 16] } },
    sparse: { features: categories },
    final: { hiddenUnits: [512, 256] },
  },
  train: {
    batchSize: 256,
    epochs: 1,
    optimizer: {
      dense: { kind: "adam", learningRate: 0.001 },
      embedding: { kind: "adam", learningRate: 0.001 },
    },
  },
});
