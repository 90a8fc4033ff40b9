// The cells of a notebook: paste them one by one into `node -i`, tslab or another kernel, or run the file with Node.js. In a
// kernel of CommonJS modules write `const { … } = await import("pairloom/train")`.

// %% Data: any program can make rows. Here a user likes items of the same parity.
import { load } from "pairloom/serve";
import { train } from "pairloom/train";

const rows = Array.from({ length: 4000 }, (_, i) => {
  const [user, item] = [(i * 7) % 50, (i * 13 + Math.floor(i / 50)) % 40];
  return { user, item, clicked: (user + item) % 2 === 0 ? 1 : 0 };
});
console.table(rows.slice(0, 3));

// %% A config, as an object
const config = {
  data: { train: { rows: rows.slice(0, 3000) }, test: { rows: rows.slice(3000) }, label: "clicked" },
  features: [
    { kind: "id", name: "user", buckets: 50 },
    { kind: "id", name: "item", buckets: 40 },
  ],
  model: { kind: "fm", features: ["user", "item"] },
  train: { batchSize: 128, epochs: 10, optimizer: { embedding: { kind: "adam", learningRate: 0.02 } } },
};

// %% Train, and look at the report
const { runDir, report } = await train(config, { baselines: true });
console.table(report.results.map(({ name, auc, logLoss }) => ({ name, auc, logLoss })));

// %% Change one setting and compare
for (const embeddingDim of [2, 16]) {
  const variant = { ...config, model: { ...config.model, embeddingDim } };
  const { report: other } = await train(variant);
  console.log(`embeddingDim ${embeddingDim}: AUC ${other.results[0].auc}`);
}

// %% Score rows
const model = await load(runDir);
console.log([
  ...model.predict([
    { user: 3, item: 5 },
    { user: 3, item: 6 },
  ]),
]);
