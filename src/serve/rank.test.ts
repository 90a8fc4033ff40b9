import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { referenceBackend } from "../backends/reference/backend.js";
import { modelSchema } from "../models/index.js";
import { Predictor } from "./predictor.js";
import { untrainedModel } from "./testing.js";

const EMBEDDED = ["user", "item", "seen", "tags", "likes", "bucket", "pair", "part", "sum", "key", "owner"];
const FEATURES = [
  { kind: "id", name: "user", hash: 20 },
  { kind: "id", name: "item", hash: 20 },
  { kind: "id", name: "seen", hash: 20, embedding: "item" },
  { kind: "ids", name: "tags", hash: 20, pooling: "mean" },
  { kind: "ids", name: "likes", hash: 20, weighted: true },
  { kind: "number", name: "price" },
  { kind: "number", name: "vector", width: 2 },
  { kind: "number", name: "bucket", column: "price", boundaries: [1, 2, 3] },
  { kind: "id", name: "pair", columns: ["user", "item"], hash: 20 },
  { kind: "expression", name: "part", variables: ["price"], expression: "price * 2", boundaries: [2, 4] },
  {
    kind: "expression",
    name: "sum",
    variables: { a: "price", b: { feature: "part" } },
    expression: "a + b",
    boundaries: [3],
  },
  { kind: "id", name: "key", dynamic: { capacity: 20 } },
  { kind: "id", name: "owner", embedding: "key", dynamic: { capacity: 20 } },
  { kind: "sequence", name: "clicked", sequence: "clicks", hash: 20, embedding: "item" },
  { kind: "sequence", name: "shops", sequence: "clicks", hash: 9 },
  { kind: "sequence", name: "prices", sequence: "clicks", number: {} },
  { kind: "ages", name: "ages", sequence: "clicks", column: "times", time: "now", buckets: 5 },
  { kind: "entryBags", name: "within", sequence: "clicks", hash: 20, pooling: "mean" },
  { kind: "sequence", name: "keys", embedding: "key", dynamic: { capacity: 20 } },
  { kind: "joined", name: "which", columns: ["shops", "keys"] },
];
const JOINED = {
  kind: "dotAttention",
  query: ["owner"],
  columns: ["shops"],
  joined: { columns: ["keys"], by: "which" },
};
const HISTORIES = ["clicked", "shops", "keys", "prices", "times", "within"];
const COLUMNS = [
  "user",
  "item",
  "seen",
  "tags",
  "likes",
  "price",
  "vector",
  "key",
  "owner",
  "now",
  ...HISTORIES,
];

const mlp = { hiddenUnits: [5, 3] };
const sparse = { features: EMBEDDED };
const dense = { features: ["price", "vector"], mlp: { hiddenUnits: [4] } };
const sequences = [
  {
    kind: "din",
    query: ["item", "user"],
    columns: ["clicked", "shops", "prices", "ages", "within"],
    mlp: { hiddenUnits: [3] },
  },
  { kind: "dotAttention", query: ["owner"], columns: ["keys"] },
  { kind: "pooling", columns: ["shops"] },
];
const MODELS: readonly { readonly kind: string; readonly [setting: string]: unknown }[] = [
  { kind: "logisticRegression", features: [...EMBEDDED, "price", "vector"] },
  { kind: "dlrm", embeddingDim: 4, dense, sparse, final: mlp },
  {
    kind: "mlp",
    embeddingDim: 4,
    features: [...EMBEDDED, "price", "vector"],
    mlp: { ...mlp, norm: "batch", activation: "dice" },
  },
  { kind: "dcnV2", embeddingDim: 4, features: [...EMBEDDED, "price", "vector"] },
  {
    kind: "xdeepfm",
    embeddingDim: 4,
    wide: sparse,
    deep: { ...sparse, mlp },
    cin: { layers: [2, 3] },
    fm: true,
    linear: true,
  },
  {
    kind: "wukong",
    embeddingDim: 4,
    dense,
    sparse,
    layers: [{ interactionFields: 2, linearFields: 2, rank: 2, mlp }],
    final: mlp,
  },
  { kind: "dlrm", embeddingDim: 4, sparse, final: mlp, archWithSparse: false },
  { kind: "fm", embeddingDim: 4, features: EMBEDDED },
  { kind: "fwfm", embeddingDim: 4, features: EMBEDDED },
  { kind: "nfm", embeddingDim: 4, features: EMBEDDED, mlp },
  { kind: "pnn", embeddingDim: 4, features: [...EMBEDDED, "price", "vector"], product: "both", mlp },
  { kind: "dcn", embeddingDim: 4, features: [...EMBEDDED, "price", "vector"], deep: mlp },
  { kind: "wideAndDeep", embeddingDim: 4, wide: sparse, deep: { ...sparse, mlp } },
  { kind: "deepfm", embeddingDim: 4, wide: sparse, deep: { ...sparse, mlp }, final: mlp },
  { kind: "matrixFactorization", embeddingDim: 4, user: "user", item: "item" },
  { kind: "autoInt", embeddingDim: 4, features: EMBEDDED },
  { kind: "maskNet", embeddingDim: 4, features: EMBEDDED, blocks: { count: 2, units: 4 } },
  { kind: "mlp", embeddingDim: 4, features: ["user", "shops"], sequences, mlp },
  {
    kind: "multiTower",
    embeddingDim: 4,
    towers: [
      { features: ["user", "price"], mlp },
      { features: ["item", "tags"], sequences: sequences.slice(2) },
    ],
    sequences: [sequences[1], JOINED],
    final: mlp,
  },
  {
    kind: "wukong",
    embeddingDim: 4,
    sparse: { features: ["user", "key"], sequences: sequences.slice(1) },
    layers: [{ interactionFields: 2, linearFields: 2, rank: 2, mlp }],
    final: mlp,
  },
];

function predictorOf(
  model: object,
  backend = chooseBackend().backend,
  labels: string | string[] = "y",
): Predictor {
  return new Predictor(
    untrainedModel(
      { data: { train: { path: "none.csv" }, label: labels }, features: FEATURES, model },
      backend,
    ),
  );
}

const id = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(null));
const number = fc.oneof(fc.constantFrom(0, 0.5, 1.5, 2.5, 7), fc.constant(null));
const rowArbitrary = fc.record({
  user: id,
  item: id,
  seen: id,
  tags: fc.array(id, { maxLength: 3 }),
  likes: fc.array(fc.record({ key: fc.integer({ min: 0, max: 9 }), value: fc.constantFrom(0.5, 2) }), {
    maxLength: 3,
  }),
  price: number,
  vector: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(1, 2)),
  key: fc.integer({ min: 0, max: 12 }),
  owner: fc.integer({ min: 0, max: 12 }),
  // Of one sequence, and so of one length also where they come from different places.
  clicked: fc.array(id, { minLength: 4, maxLength: 4 }),
  shops: fc.array(id, { minLength: 4, maxLength: 4 }),
  prices: fc.array(number, { minLength: 4, maxLength: 4 }),
  times: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 }),
  within: fc.array(fc.array(id, { maxLength: 3 }), { minLength: 4, maxLength: 4 }),
  now: fc.integer({ min: 9, max: 20 }),
  keys: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 6 }),
});

type Row = Record<string, unknown>;
const only = (row: Row, columns: readonly string[]) =>
  Object.fromEntries(columns.map((name) => [name, row[name]]));

/** A request, with the place of every column drawn, and its full rows. */
const requestArbitrary = fc
  .tuple(
    fc.array(rowArbitrary, { minLength: 1, maxLength: 40 }),
    fc.array(fc.constantFrom("user", "context", "items"), {
      minLength: COLUMNS.length,
      maxLength: COLUMNS.length,
    }),
  )
  .map(([rows, places]) => {
    const at = (place: string) => COLUMNS.filter((_, i) => places[i] === place);
    const shared = only(rows[0], [...at("user"), ...at("context")]);
    return {
      request: {
        user: only(rows[0], at("user")),
        context: only(rows[0], at("context")),
        items: rows.map((row) => only(row, at("items"))),
      },
      full: rows.map((row): Row => ({ ...row, ...shared })),
    };
  });

const ordered = (scores: Float32Array) =>
  [...scores]
    .map((score, index) => ({ index, score }))
    .sort((a, b) => b.score - a.score || a.index - b.index);

it("is tested with every model", () => {
  const kinds = modelSchema.options.map(({ shape }) => shape.kind.value);
  expect(new Set(MODELS.map(({ kind }) => kind))).toEqual(new Set(kinds));
});

describe.each(MODELS)("rank of $kind", (model) => {
  it.each([
    ["native", chooseBackend().backend],
    ["reference", referenceBackend],
  ] as const)("has the scores of predict of full rows, wherever columns stand: %s", (_, backend) => {
    const predictor = predictorOf(model, backend);
    fc.assert(
      fc.property(requestArbitrary, ({ request, full }) => {
        const ranked = predictor.rank(request);
        const scores = predictor.predict(full);
        expect(ranked.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...scores.keys()]);
        expect(ranked.map(({ score }) => score)).toEqual(
          ranked.map(({ score }) => score).sort((a, b) => b - a),
        );
        for (const { index, score } of ranked) expect(Math.abs(score - scores[index])).toBeLessThan(1e-6);
      }),
      { numRuns: backend === referenceBackend ? 5 : 20 },
    );
  });
});

it("reads histories of any length, one after the other", () => {
  const predictor = predictorOf(MODELS.at(-2)!);
  for (const entries of [0, 300, 3, 1100, 0, 2]) {
    const history = Array.from({ length: entries }, (_, i) => i % 13);
    const shared = {
      user: 1,
      clicked: history,
      shops: history,
      keys: history,
      prices: history,
      times: history,
      within: history.map((i) => [i, 3]),
    };
    const items = [1, 2, 3].map((item) => ({ ...ROW, ...shared, item }));
    const scores = predictor.predict(items);
    const ranked = predictor.rank({ user: shared, items: items.map((row) => only(row, OTHERS)) });
    for (const { index, score } of ranked) expect(Math.abs(score - scores[index])).toBeLessThan(1e-6);
  }
});

const OTHERS = COLUMNS.filter((name) => name !== "user" && !HISTORIES.includes(name));

const ROW: Row = {
  user: 1,
  item: 2,
  seen: 3,
  tags: [1],
  likes: [],
  price: 1.5,
  vector: [1, 2],
  key: 4,
  owner: 5,
  clicked: [],
  shops: [],
  prices: [],
  times: [],
  now: 3,
  keys: [1],
  within: [],
};
const { user, price, ...REST } = ROW;
const fm = predictorOf({ kind: "fm", features: EMBEDDED, embeddingDim: 2 });

describe("a request to rank", () => {
  // biome-ignore lint/suspicious/noExplicitAny: what JavaScript may hand over
  const rank = (request: any) => fm.rank(request);

  it("returns the best k, of equal ones the first", () => {
    const items = [7, 1, 7, 3, 9, 3].map((item) => ({ ...REST, item, price }));
    const all = ordered(fm.predict(items.map((item) => ({ ...item, user }))));
    expect(rank({ user: { user }, items })).toEqual(all);
    expect(rank({ user: { user }, items, k: 2 })).toEqual(all.slice(0, 2));
    expect(rank({ user: { user }, items, k: 100 })).toEqual(all);
    expect(rank({ user: { user }, items: [] })).toEqual([]);
  });

  it("refuses a column in two places or in none", () => {
    expect(() => rank({ user: { user }, context: { user }, items: [REST] })).toThrow(
      /context: the column user stands in two/,
    );
    expect(() => rank({ user: { user, price }, items: [REST, ROW] })).toThrow(
      /items\[1\]: the column (user|price) stands in two/,
    );
    expect(() => rank({ user: { user }, items: [{ ...REST, price }, REST] })).toThrow(
      /items\[1\]: the column price is not/,
    );
    expect(() => rank({ context: { price }, items: [REST] })).toThrow(/items\[0\]: the column user is not/);
  });

  it("names a value that a feature refuses", () => {
    expect(() => rank({ user: { user, price: "much" }, items: [REST] })).toThrow(
      /user, context: the feature \w+ refuses.*\n.*much/,
    );
    expect(() =>
      rank({
        user: { user },
        items: [
          { ...REST, price },
          { ...REST, price: "much" },
        ],
      }),
    ).toThrow(/items\[1\]: the feature \w+ refuses/);
  });

  it.each([
    [null, /the request: a part of the request is not an object/],
    [{ user: [1], items: [] }, /user: a part/],
    [{ context: 3, items: [] }, /context: a part/],
    [{ user: {}, items: 3 }, /items: the rows to score are not a list/],
    [{ user: {}, items: [ROW], k: 0 }, /k: k is not a number of items/],
    [{ user: {}, items: [ROW], k: "3" }, /k: k is not/],
    [{ user: {}, items: [ROW], by: "click" }, /by: there is no such label/],
  ])("refuses %j", (request, message) => {
    expect(() => rank(request)).toThrow(message);
  });

  it("ranks by the label that it names, if there are several", () => {
    const two = predictorOf({ kind: "logisticRegression", features: ["item", "price"] }, undefined, [
      "click",
      "buy",
    ]);
    const items = [1, 2, 3].map((item) => ({ ...REST, item }));
    const request = { user: { user, price }, items };
    const { buy } = two.predictLabels(items.map((item) => ({ ...item, user, price })));
    expect(two.rank({ ...request, by: "buy" })).toEqual(ordered(buy));
    expect(() => two.rank(request)).toThrow(/by: there is no such label[\s\S]*click, buy/);
  });

  it("takes columns instead of rows", () => {
    const rows = [7, 1, 3].map((item) => ({ ...ROW, item }));
    const columns = Object.fromEntries(
      COLUMNS.map((name) => [name, rows.map((row) => row[name as keyof typeof row])]),
    );
    expect(fm.predict(columns as never)).toEqual(fm.predict(rows));
    expect(fm.predict({ ...columns, price: Float64Array.of(1.5, 1.5, 1.5) } as never)).toEqual(
      fm.predict(rows),
    );
    const { user: _, ...items } = columns;
    expect(rank({ user: { user }, items })).toEqual(ordered(fm.predict(rows)));
    expect(() => fm.predict({ ...columns, price: [1] } as never)).toThrow(
      /rows: the columns have different lengths[\s\S]*1 values of price/,
    );
    expect(() => fm.predict(items as never)).toThrow(/rows: there is no column user/);
  });

  it("of a model that was disposed is refused", () => {
    const disposed = predictorOf({ kind: "fm", features: EMBEDDED, embeddingDim: 2 });
    disposed[Symbol.dispose]();
    expect(() => disposed.predict([ROW])).toThrow(/disposed/);
    expect(() => disposed.rank({ user: { user }, items: [{ ...REST, price }] })).toThrow(/disposed/);
  });
});
