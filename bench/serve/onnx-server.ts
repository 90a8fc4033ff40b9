import Fastify from "fastify";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { bestFirst } from "../../src/serve/rank.js";
import { addBodyParsers, rankRequestOf } from "../../src/server/bodies.js";
import { isNumberName, transformed } from "../dlrm-kaggle.js";

/*
 * The exported dlrm-kaggle behind the route of `pairloom serve` that ranks, scored by onnxruntime-node: the argument is the ONNX file.
 * Each input is one typed array, as its documentation advises.
 */

type Row = Readonly<Record<string, number>>;

const session = await InferenceSession.create(process.argv[2], { intraOpNumThreads: 1, logSeverityLevel: 3 });
const app = Fastify();
addBodyParsers(app, 10_000);
app.post("/v1/rank", async ({ body }) => {
  const { user, items } = rankRequestOf(body) as unknown as { user: Row; items: readonly Row[] };
  const { predictions } = await session.run(feedsOf(user, items));
  const scores = predictions.data as Float32Array;
  const ranked = bestFirst(scores, scores.length).map((index) => ({ index, score: scores[index] }));
  return { model: "main", version: "onnx", items: ranked };
});
console.log(`Serving on ${await app.listen({ port: 0 })}, with onnxruntime`);

function feedsOf(user: Row, items: readonly Row[]): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const name of session.inputNames) {
    const isShared = name in user;
    feeds[name] = isNumberName(name)
      ? numbers(items.length, (row) => (isShared ? user : items[row])[name])
      : ids(items.length, (row) => (isShared ? user : items[row])[name]);
  }
  return feeds;
}

function numbers(rows: number, numberOf: (row: number) => number): Tensor {
  const values = new Float32Array(rows);
  for (let row = 0; row < rows; row++) values[row] = transformed(numberOf(row));
  return new Tensor("float32", values, [rows, 1]);
}

function ids(rows: number, numberOf: (row: number) => number): Tensor {
  const values = new BigInt64Array(rows);
  // As pairs of 32-bit words, because one BigInt for each number is slow.
  const words = new Int32Array(values.buffer);
  for (let row = 0; row < rows; row++) words[2 * row] = numberOf(row);
  return new Tensor("int64", values, [rows]);
}
