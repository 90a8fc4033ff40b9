import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../graph/graph.js";
import { Scope } from "../layers/scope.js";
import { parametersOf } from "../train/step/model-graphs.js";
import { type ModelInput, modelOf, modelSchema } from "./index.js";
import { type FeatureInfo, ModelFeatures } from "./model.js";

const id = (name: string, dim?: number): FeatureInfo => ({
  kind: "id",
  name,
  table: name,
  rows: 9,
  dim,
});

function tables(model: ModelInput, features: FeatureInfo[]) {
  const config = modelSchema.parse(model);
  const builder = new GraphBuilder();
  const scope = Scope.root(builder, "training");
  const named = new ModelFeatures(scope, new Map(features.map((feature) => [feature.name, feature])));
  builder.output("logits", modelOf(config).build(named, config, scope, 1));
  const attrs = parametersOf(builder.finish());
  return new Map(attrs.filter(({ role }) => role === "table").map(({ name, init }) => [name, init]));
}

const deep = { features: ["a", "b"], mlp: { hiddenUnits: [3] } };
const initializer = { kind: "uniform", range: 0.5 } as const;

describe("tables of groups", () => {
  it("are shared but for groups of another suffix; those of the wide group start as it says", () => {
    const wide = { features: ["a"], initializer };
    const fm = { features: ["a", "b"] };
    const shared = tables({ kind: "deepfm", wide, deep, fm }, [id("a"), id("b")]);
    expect([...shared.keys()].sort()).toEqual([
      "embeddings.a.weight",
      "embeddings.b.weight",
      "linear.a.weight",
    ]);
    expect(shared.get("linear.a.weight")).toEqual({ kind: "uniform", low: -0.5, high: 0.5 });
    const own = tables({ kind: "deepfm", wide, deep, fm: { ...fm, embeddingSuffix: "_fm" } }, [
      id("a"),
      id("b"),
    ]);
    expect([...own.keys()].filter((name) => !shared.has(name)).sort()).toEqual([
      "embeddings_fm.a.weight",
      "embeddings_fm.b.weight",
    ]);
  });
});

it("matrixFactorization names the path of the feature at fault", () => {
  const model = { kind: "matrixFactorization", user: "a", item: "b" } as const;
  expect(() => tables(model, [id("a")])).toThrow(/^model\.item: there is no feature "b"/);
  expect(() => tables(model, [id("a", 4), id("b", 8)])).toThrow(/^model\.item: the features of this group/);
});
