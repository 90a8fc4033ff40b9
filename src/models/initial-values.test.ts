import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../graph/graph.js";
import { Scope, type WeightStart } from "../layers/scope.js";
import { parametersOf } from "../train/step/model-graphs.js";
import { type ModelInput, modelOf, modelSchema } from "./index.js";
import { type FeatureInfo, ModelFeatures } from "./model.js";

const ROWS = 9;
const FEATURES: FeatureInfo[] = [
  { kind: "id", name: "a", table: "a", rows: ROWS },
  { kind: "id", name: "frozen", table: "frozen", rows: ROWS, trainable: false },
  { kind: "number", name: "plain", width: 1 },
  {
    kind: "number",
    name: "auto",
    width: 1,
    denseEmbedding: { kind: "autoDis", channels: 7, temperature: 1, keep: 0.5 },
  },
  { kind: "number", name: "number", width: 1, denseEmbedding: { kind: "mlp" } },
  { kind: "number", name: "vector", width: 5, denseEmbedding: { kind: "mlp" } },
];

function parameters(model: ModelInput, start?: WeightStart) {
  const config = modelSchema.parse(model);
  const builder = new GraphBuilder();
  const scope = Scope.root(builder, "training", start);
  const named = new ModelFeatures(scope, new Map(FEATURES.map((feature) => [feature.name, feature])));
  builder.output("logits", modelOf(config).build(named, config, scope, 1));
  return new Map(parametersOf(builder.finish()).map((attrs) => [attrs.name, attrs]));
}

const wideAndDeep: Extract<ModelInput, { kind: "wideAndDeep" }> = {
  kind: "wideAndDeep",
  embeddingDim: 4,
  wide: { features: ["a", "frozen"] },
  deep: { features: ["a", "frozen", "plain", "auto", "number", "vector"], mlp: { hiddenUnits: [3] } },
};

const normal = (std: number) => ({ kind: "normal", mean: 0, std });
const uniform = (range: number) => ({ kind: "uniform", low: -range, high: range });
const zero = { kind: "constant", value: 0 };

describe("initial values", () => {
  it("of embeddings of numbers have the published spread", () => {
    const all = parameters(wideAndDeep);
    const init = (name: string) => all.get(`dense_embeddings.${name}.weight`)!.init;
    // TorchEasyRec: meta N(0, 1), w N(0, 2/(1+channels)), M N(0, 1/channels); mlp N(0, 2/(width+dim)); variances.
    expect(init("auto.meta")).toEqual(normal(1));
    expect(init("auto.scale")).toEqual(normal(Math.sqrt(2 / 8)));
    expect(init("auto.mix")).toEqual(normal(Math.sqrt(1 / 7)));
    expect(init("number")).toEqual(normal(Math.sqrt(2 / 5)));
    expect(init("vector")).toEqual(normal(Math.sqrt(2 / 9)));
    expect(all.get("dense_embeddings.vector.weight")!.shape).toEqual([4, 5]);
  });

  it('of "torch" are those of PyTorch and TorchRec', () => {
    const inputs = 5 * 4 + 1;
    const torch = parameters(wideAndDeep, "torch");
    expect(torch.get("deep_mlp.0.weight")!.init).toEqual(uniform(1 / Math.sqrt(inputs)));
    expect(torch.get("deep_mlp.0.bias")!.init).toEqual(uniform(1 / Math.sqrt(inputs)));
    expect(torch.get("embeddings.a.weight")!.init).toEqual(uniform(1 / Math.sqrt(ROWS)));
    expect(torch.get("linear.a.weight")!.init).toEqual(uniform(1 / Math.sqrt(ROWS)));
    const glorot = parameters(wideAndDeep);
    expect(glorot.get("deep_mlp.0.weight")!.init).toEqual(normal(Math.sqrt(2 / (inputs + 3))));
    expect(glorot.get("deep_mlp.0.bias")!.init).toEqual(zero);
    expect(glorot.get("embeddings.a.weight")!.init).toEqual(normal(0.01));
    expect(glorot.get("linear.a.weight")!.init).toEqual(zero);
  });
});

it("first-order weights of a frozen feature are trained, or frozen with it", () => {
  const trainable = (all: ReturnType<typeof parameters>) =>
    ["linear.a.weight", "linear.frozen.weight", "embeddings.frozen.weight"].map(
      (name) => all.get(name)!.trainable,
    );
  expect(trainable(parameters(wideAndDeep))).toEqual([true, true, false]);
  const wide = { ...wideAndDeep.wide, followTrainable: true };
  expect(trainable(parameters({ ...wideAndDeep, wide }))).toEqual([true, false, false]);
});

it("the hidden layer of a mask has as many units as its ratio or its own number says", () => {
  const shapes = (blocks: object) => {
    const model = { kind: "maskNet", features: ["a", "plain"], embeddingDim: 4, blocks } as ModelInput;
    return parameters(model).get("blocks.0.mask.0.weight")!.shape;
  };
  expect(shapes({ count: 1, units: 3, reductionRatio: 2 })).toEqual([10, 5]);
  expect(shapes({ count: 1, units: 3, aggregationUnits: 7 })).toEqual([7, 5]);
});
