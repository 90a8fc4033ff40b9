import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../graph/graph.js";
import { isRow, width } from "../graph/tensor.js";
import type { DenseEmbedding } from "../layers/dense-embedding.js";
import { Scope } from "../layers/scope.js";
import { batchMean } from "../ops/loss.js";
import { autodiff } from "../passes/autodiff.js";
import { type FeatureInfo, ModelFeatures } from "./model.js";
import { xdeepfm } from "./xdeepfm.js";

const ids = (name: string): FeatureInfo => ({ kind: "id", name, table: name, rows: 10 });
const fields = ["a", "b", "c", "d", "e"];
const deep = { features: fields, mlp: { hiddenUnits: [4] } };
const base = { kind: "xdeepfm", wide: { features: fields }, deep, cin: { layers: [7, 6] } };

/** The graph of a loss of the logits with its gradients. */
function gradientGraph(model: object) {
  const builder = new GraphBuilder();
  const scope = Scope.root(builder, "training");
  const bins = { kind: "piecewiseLinear", bins: 4 } as unknown as DenseEmbedding;
  const infos: FeatureInfo[] = [
    ...fields.map(ids),
    { kind: "number", name: "price", width: 1 },
    { kind: "number", name: "age", width: 1, denseEmbedding: bins },
  ];
  const features = new ModelFeatures(scope, new Map(infos.map((info) => [info.name, info])));
  const logits = xdeepfm.build(features, xdeepfm.schema.parse(model), scope, 1);
  builder.output("loss", builder.apply(batchMean, [logits], {})[0]);
  return autodiff(builder.finish(), "loss").graph;
}

const shapesOf = (model: object): Map<string, readonly number[]> =>
  new Map(
    gradientGraph(model)
      .nodes.filter(({ op }) => op.kind === "parameter")
      .map(({ attrs }) => [attrs.name, attrs.shape]),
  );

describe("xDeepFM", () => {
  it("never has the products of maps and fields in memory", () => {
    const dim = 32;
    const { nodes } = gradientGraph({ ...base, wide: { features: fields, embeddingDim: dim } });
    const rows = nodes.flatMap(({ outputs }) => outputs.filter(isRow)).map(width);
    expect(Math.max(...rows)).toBeLessThan(fields.length * fields.length * dim);
  });

  it("gives the wide group tables of its own, of dim 16 whatever the deep group has", () => {
    const shapes = shapesOf({ ...base, embeddingDim: 3 });
    expect(shapes.get("wide_embeddings.a.weight")).toEqual([10, 16]);
    expect(shapes.get("embeddings.a.weight")).toEqual([10, 3]);
    expect(shapes.get("cin.0.weight")).toEqual([7, 25]);
    expect(shapes.get("cin.1.weight")).toEqual([6, 35]);
    expect(shapes.get("output.weight")).toEqual([1, 7 + 6 + 4]);
  });

  it("shares tables where asked, looking each feature up once", () => {
    const { nodes } = gradientGraph({ ...base, wide: { features: fields, tables: "shared" } });
    expect(nodes.filter(({ op }) => op.kind === "embedding")).toHaveLength(fields.length);
  });

  it("refuses settings of own tables for shared ones", () => {
    const wide = { features: fields, tables: "shared", embeddingDim: 8 };
    expect(xdeepfm.schema.safeParse({ ...base, wide }).error?.issues).toMatchObject([
      { path: ["wide", "embeddingDim"], message: expect.stringContaining("shared tables") },
    ]);
  });

  it("refuses a number in the wide group", () => {
    const wide = { features: ["a", "price"] };
    expect(() => gradientGraph({ ...base, wide })).toThrow(
      /model\.wide\.features\[1\]: "price" has no embedding/,
    );
    expect(() => gradientGraph({ ...base, wide: { features: ["a", "age"] } })).toThrow(
      /model\.wide\.features\[1\]: "age" has no table[\s\S]*a number with a denseEmbedding[\s\S]*boundaries, or leave it out/,
    );
  });
});
