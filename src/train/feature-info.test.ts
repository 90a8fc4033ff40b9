import { describe, expect, it } from "vitest";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { GraphBuilder } from "../graph/graph.js";
import { Scope } from "../layers/scope.js";
import { modelOf, modelSchema } from "../models/index.js";
import { ModelFeatures } from "../models/model.js";
import { batchMean } from "../ops/loss.js";
import { autodiff } from "../passes/autodiff.js";
import { configuredFeatureInfos } from "./feature-info.js";

/** The names of the parameters that a model of these features trains. */
function trained(features: FeatureInput[], model: object): string[] {
  const builder = new GraphBuilder();
  const scope = Scope.root(builder, "training");
  const infos = configuredFeatureInfos(featuresSchema.parse(features));
  const config = modelSchema.parse(model);
  const inputs = new ModelFeatures(scope, new Map(infos.map((info) => [info.name, info])));
  const logits = modelOf(config).build(inputs, config as never, scope, 1);
  builder.output("loss", builder.apply(batchMean, [logits], {})[0]);
  return autodiff(builder.finish(), "loss").gradients.map(({ attrs }) => attrs.name);
}

describe("trainable: false", () => {
  const features: FeatureInput[] = [
    { kind: "id", name: "a", hash: 10, trainable: false },
    { kind: "lookup", name: "b", map: "m", key: "k", boundaries: [1] },
  ];
  it("freezes embeddings and nothing else", () => {
    const names = trained(features, { kind: "fm", features: ["a", "b"] });
    expect(names).toContain("embeddings.b.weight");
    expect(names).not.toContain("embeddings.a.weight");
    expect(names.filter((name) => name.endsWith(".a.weight"))).toHaveLength(1);
  });
});
