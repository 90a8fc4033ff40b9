import { defineConfig, type ModelInput } from "pairloom";

/**
 * Does a person earn more than 50,000 dollars a year? Adult (census of 1994), with every model of Pairloom. Get adult.data
 * and adult.test from https://archive.ics.uci.edu/dataset/2/adult; ADULT names their folder.
 *
 *   ADULT=data/adult MODEL=fm npx pairloom train examples/adult
 */
const FOLDER = process.env.ADULT ?? "data/adult";

const COLUMNS = [
  "age",
  "workclass",
  "weight",
  "education",
  "years",
  "marital",
  "occupation",
  "relationship",
  "race",
  "sex",
  "gain",
  "loss",
  "hours",
  "country",
  "income",
];

/** adult.test has a line of another kind at its start, and a full stop after each label. */
const rows = (file: string, where: string, skip = 0) => ({
  path: `${FOLDER}/${file}`,
  format: "csv" as const,
  columns: COLUMNS,
  trim: true,
  ...(skip > 0 && { skip }),
  nullValues: ["?"],
  sql: `SELECT * REPLACE (income LIKE '>50K%' AS income) FROM source WHERE ${where}`,
});

const NUMBERS = ["age", "years", "gain", "loss", "hours"];
const WORDS = ["workclass", "education", "marital", "occupation", "relationship", "race", "sex", "country"];
const features = [...WORDS, ...NUMBERS];
const sparse = { features };
const mlp = { hiddenUnits: [64, 32] };

/** Each model at its smallest: what it requires, and an embedding dimension. */
export const MODELS: Readonly<Record<string, ModelInput>> = {
  logisticRegression: { kind: "logisticRegression", features },
  matrixFactorization: {
    kind: "matrixFactorization",
    user: "occupation",
    item: "education",
    embeddingDim: 8,
  },
  fm: { kind: "fm", features, embeddingDim: 8 },
  fwfm: { kind: "fwfm", features, embeddingDim: 8 },
  nfm: { kind: "nfm", features, embeddingDim: 8, mlp },
  mlp: { kind: "mlp", features, embeddingDim: 8, mlp },
  pnn: { kind: "pnn", features, embeddingDim: 8, mlp },
  wideAndDeep: { kind: "wideAndDeep", wide: sparse, deep: { features, mlp }, embeddingDim: 8 },
  deepfm: { kind: "deepfm", wide: sparse, deep: { features, mlp }, embeddingDim: 8 },
  xdeepfm: {
    kind: "xdeepfm",
    wide: { features, embeddingDim: 8 },
    cin: { layers: [16, 16] },
    deep: { features, mlp },
    embeddingDim: 8,
  },
  dlrm: { kind: "dlrm", sparse, final: mlp, embeddingDim: 8 },
  dcn: { kind: "dcn", features, embeddingDim: 8, deep: mlp },
  dcnV2: { kind: "dcnV2", features, embeddingDim: 8, deep: mlp },
  autoInt: { kind: "autoInt", features, embeddingDim: 8 },
  maskNet: { kind: "maskNet", features, embeddingDim: 8, blocks: { count: 3, units: 32 } },
  multiTower: {
    kind: "multiTower",
    towers: [
      { features: WORDS, mlp },
      { features: NUMBERS, mlp },
    ],
    embeddingDim: 8,
    final: mlp,
  },
  wukong: {
    kind: "wukong",
    sparse,
    embeddingDim: 8,
    layers: [{ linearFields: 8, interactionFields: 8, rank: 8, mlp }],
    final: mlp,
  },
};

export default defineConfig({
  data: {
    // A tenth of the training file chooses the checkpoint; `weight` has no meaning for the label.
    train: rows("adult.data", "weight % 10 <> 0"),
    valid: rows("adult.data", "weight % 10 = 0"),
    test: rows("adult.test", "true", 1),
    label: "income",
  },
  features: [
    ...WORDS.map((name) => ({ kind: "id" as const, name, vocabulary: {} })),
    ...NUMBERS.map((name) => ({ kind: "number" as const, name, boundaries: { quantiles: 32 } })),
  ],
  model: MODELS[process.env.MODEL ?? "dcnV2"],
  train: {
    batchSize: 512,
    epochs: 60,
    earlyStopping: { metric: "auc", patience: 2 },
    optimizer: {
      dense: { kind: "adam", learningRate: 0.001 },
      embedding: { kind: "adam", learningRate: 0.001 },
    },
    l2: { embedding: 1e-6, rows: "touched" },
  },
});
