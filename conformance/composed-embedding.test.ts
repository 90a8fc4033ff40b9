import { describe, expect, it } from "vitest";
import { memoryOf } from "../src/backends/testing.js";
import { type Column, LABEL_COLUMN } from "../src/columns/columns.js";
import { GraphBuilder } from "../src/graph/graph.js";
import { embedFeature, partName, partsOf } from "../src/layers/composed-embedding.js";
import { COMPOSITIONS, type Composition } from "../src/layers/embedding-layer.js";
import { Scope } from "../src/layers/scope.js";
import { modelSchema } from "../src/models/index.js";
import { input } from "../src/ops/sources.js";
import { translateIds } from "../src/passes/translate-ids.js";
import { Parameters } from "../src/train/parameters.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { optimizerSchema } from "../src/train/step/optimizers.js";
import { BACKENDS } from "./backends.js";

/** Compositional embeddings against their formula, for one id and for weighted lists. */

const [ROWS, IDS] = [6, 23];
/** Numbers without a pattern, in [-1, 1). */
const numbers = (length: number, salt: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => ((((i + 1) * 7919 * salt) % 2000) - 1000) / 1000);
const ids = Int32Array.from({ length: ROWS * 2 }, (_, i) => (i * i * 7 + 3) % IDS);
const weights = numbers(ROWS * 2, 3);
const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, b) => BigInt(2 * b));
const COLUMNS: Record<"id" | "ids", Column> = {
  id: { kind: "id", data: ids, offset: 0, stride: 2 },
  ids: { kind: "ids", values: ids, offsets, weights },
};

function embedded(
  use: (typeof BACKENDS)[number]["use"],
  kind: "id" | "ids",
  composition: Composition,
  dim: number,
) {
  const backend = use();
  const g = new GraphBuilder();
  const type = { dtype: kind, shape: ["B"], ...(kind === "ids" && { entries: "L:x" as const }) } as const;
  const [x] = g.apply(input, [], { name: "x", type, limit: IDS });
  const feature = { kind, table: "t", rows: IDS, composition };
  g.output("y", embedFeature(Scope.root(g, "inference"), x, feature, dim));
  const graph = translateIds(g.finish(), { admits: false });
  const values = parametersOf(graph).map(
    ({ name, shape }, i) => [name, numbers(shape[0] * shape[1], 5 + 6 * i)] as const,
  );
  const translations = Object.values(partsOf(IDS)).map(
    (part) => [partName("t", part.kind), backend.translation(part)] as const,
  );
  const parameters = new Map(values.map(([name, each]) => [name, memoryOf(backend, each)]));
  const executable = backend.compile(graph, parameters, {
    maxBatch: ROWS,
    translations: new Map(translations),
  });
  const columns = new Map([["x", COLUMNS[kind]]]);
  const request = {
    columns,
    rows: ROWS,
    start: 0,
    count: ROWS,
    batch: ROWS,
    seed: 0,
    firstStep: 0,
    scalars: new Map(),
  };
  return { y: executable.runSync(request).get("y")!, tables: new Map(values) };
}

/** m = ceil(sqrt(23)) = 5: the vector of id i is made of rows floor(i / 5) and i mod 5. */
function vectorOf(
  tables: ReadonlyMap<string, Float32Array>,
  id: number,
  composition: Composition,
  dim: number,
) {
  const [first, second] = [tables.get("t.quotient.weight")!, tables.get("t.remainder.weight")!];
  const [n, m] = [first.length / 5, second.length / 5];
  const [q, r] = [
    first.subarray(Math.floor(id / 5) * n).subarray(0, n),
    second.subarray((id % 5) * m).subarray(0, m),
  ];
  if (composition === "concat" && dim > 1) return [...q, ...r];
  return [...q].map((value, d) => (composition === "multiply" ? value * r[d] : value + r[d]));
}

const CASES = BACKENDS.slice(0, 2).flatMap(({ name, use }) =>
  COMPOSITIONS.flatMap((composition) => [1, 4, 5].map((dim) => ({ name, use, composition, dim }))),
);

it.each(CASES)("$name: an id's vector of $dim numbers, $composition", ({ use, composition, dim }) => {
  const { y, tables } = embedded(use, "id", composition, dim);
  expect(y.length).toBe(ROWS * dim);
  for (let b = 0; b < ROWS; b++)
    vectorOf(tables, ids[2 * b], composition, dim).forEach((value, d) => {
      expect(y[b * dim + d]).toBeCloseTo(value, 6);
    });
});

it.each(CASES)(
  "$name: the weighted sum of a list, $dim numbers, $composition",
  ({ use, composition, dim }) => {
    const { y, tables } = embedded(use, "ids", composition, dim);
    for (let b = 0; b < ROWS; b++) {
      const [one, two] = [2 * b, 2 * b + 1].map((i) =>
        vectorOf(tables, ids[i], composition, dim).map((value) => value * weights[i]),
      );
      one.forEach((value, d) => {
        expect(y[b * dim + d]).toBeCloseTo(value + two[d], 5);
      });
    }
  },
);

it("no two ids have the same parts, and the tables are small", () => {
  for (const size of [1, 2, 3, 10, 99, 100, 101, 4097]) {
    const { quotient, remainder } = partsOf(size);
    const parts = Array.from({ length: size }, (_, id) => [Math.floor(id / quotient.by), id % remainder.by]);
    expect(new Set(parts.map(String)).size).toBe(size);
    expect(Math.max(...parts.map(([q]) => q))).toBeLessThan(quotient.rows);
    expect(Math.max(...parts.map(([, r]) => r))).toBeLessThan(remainder.rows);
    expect(quotient.rows + remainder.rows).toBeLessThanOrEqual(2 * Math.ceil(Math.sqrt(size)));
  }
});

/** Biased matrix factorization of a weighted list and an id, in plain numbers: one step of SGD. */
const DIM = 3;
const ITEMS = 4;
const RATE = 0.5;
const items = Int32Array.from({ length: ROWS }, (_, b) => (b * b + 1) % ITEMS);
const labels = Float32Array.from({ length: ROWS }, (_, b) => b % 2);
type Numbers = Map<string, Float64Array>;

function stepOfFormula(before: ReadonlyMap<string, Float32Array>, pooling: "sum" | "mean"): Numbers {
  const old = (name: string) => before.get(name)!;
  const next: Numbers = new Map([...before].map(([name, values]) => [name, Float64Array.from(values)]));
  const line = (name: string, row: number, dim: number) => [
    ...old(name).subarray(row * dim, (row + 1) * dim),
  ];
  const descend = (name: string, row: number, gradient: readonly number[]) =>
    gradient.forEach((g, d) => {
      next.get(name)![row * gradient.length + d] -= RATE * g;
    });
  for (let b = 0; b < ROWS; b++) {
    const list = [2 * b, 2 * b + 1].map((i) => {
      const weight = weights[i] / (pooling === "mean" ? 2 : 1);
      return { q: Math.floor(ids[i] / 5), r: ids[i] % 5, weight };
    });
    const pooled = (tables: string, dim: number) =>
      list
        .map(({ q, r, weight }) => {
          const remainder = line(`${tables}.remainder.weight`, r, dim);
          return line(`${tables}.quotient.weight`, q, dim).map((value, d) => weight * value * remainder[d]);
        })
        .reduce((a, c) => a.map((value, d) => value + c[d]));
    const [user, item] = [pooled("embeddings.tags", DIM), line("embeddings.item.weight", items[b], DIM)];
    const product = user.reduce((sum, value, d) => sum + value * item[d], 0);
    const logit =
      old("linear.bias")[0] + pooled("linear.tags", 1)[0] + old("linear.item.weight")[items[b]] + product;
    const slope = (1 / (1 + Math.exp(-logit)) - labels[b]) / ROWS;
    descend("linear.bias", 0, [slope]);
    descend("linear.item.weight", items[b], [slope]);
    descend(
      "embeddings.item.weight",
      items[b],
      user.map((value) => slope * value),
    );
    for (const [tables, dim, to] of [
      ["linear.tags", 1, [1]],
      ["embeddings.tags", DIM, item],
    ] as const)
      for (const { q, r, weight } of list) {
        const [quotient, remainder] = [
          line(`${tables}.quotient.weight`, q, dim),
          line(`${tables}.remainder.weight`, r, dim),
        ];
        descend(
          `${tables}.quotient.weight`,
          q,
          remainder.map((value, d) => slope * weight * to[d] * value),
        );
        descend(
          `${tables}.remainder.weight`,
          r,
          quotient.map((value, d) => slope * weight * to[d] * value),
        );
      }
  }
  return next;
}

function stepOfCore(use: (typeof BACKENDS)[number]["use"], pooling: "sum" | "mean") {
  const backend = use();
  const model = modelSchema.parse({
    kind: "matrixFactorization",
    user: "tags",
    item: "item",
    embeddingDim: DIM,
  });
  const tags = {
    kind: "ids",
    name: "tags",
    table: "tags",
    rows: IDS,
    composition: "multiply",
    pooling,
  } as const;
  const features = [tags, { kind: "id", name: "item", table: "item", rows: ITEMS }] as const;
  const sgd = { kind: "sgd", learningRate: RATE };
  const optimizers = optimizerSchema.parse({ dense: sgd, embedding: sgd });
  const l2 = { dense: 0, embedding: 0, rows: "touched" } as const;
  const graph = trainingGraph({ model, features: [...features] }, { optimizers, l2, weighted: false });
  const parameters = new Parameters(backend, parametersOf(graph));
  const trained = parameters.all.filter(({ attrs }) => attrs.trainable);
  const before = trained.map(({ attrs, memory }, i) => {
    const values = numbers(memory.elements, 5 + 6 * i);
    memory.write(0, values);
    return [attrs.name, values] as const;
  });
  const parts = Object.values(partsOf(IDS)).map(
    (part) => [partName("tags", part.kind), backend.translation(part)] as const,
  );
  const options = { maxBatch: ROWS, translations: new Map(parts) };
  const rates = Object.values(LEARNING_RATES).map((name) => [name, Float32Array.of(RATE)] as const);
  const columns = new Map<string, Column>([
    ["tags", COLUMNS.ids],
    ["item", { kind: "id", data: items, offset: 0, stride: 1 }],
    [LABEL_COLUMN, { kind: "number", data: labels, offset: 0, stride: 1, width: 1 }],
  ]);
  const request = { columns, rows: ROWS, start: 0, count: ROWS, batch: ROWS, seed: 0, firstStep: 0 };
  backend.compile(graph, parameters.memory, options).runSync({ ...request, scalars: new Map(rates) });
  const after = trained.map(({ attrs, memory }) => {
    const values = new Float32Array(memory.elements);
    memory.read(0, values);
    return [attrs.name, values] as const;
  });
  return { before: new Map(before), after };
}

describe.each(BACKENDS.slice(0, 2))("$name: products of a weighted list", ({ use }) => {
  it.each(["sum", "mean"] as const)("are trained as their formula says, %s", (pooling) => {
    const { before, after } = stepOfCore(use, pooling);
    const expected = stepOfFormula(before, pooling);
    expect(after.map(([name]) => name).sort()).toEqual([...expected.keys()].sort());
    for (const [name, values] of after)
      values.forEach((value, i) => {
        expect(value, `${name}[${i}]`).toBeCloseTo(expected.get(name)![i], 5);
      });
  });
});
