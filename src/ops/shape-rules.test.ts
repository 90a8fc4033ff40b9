import { describe, expect, it } from "vitest";
import { GraphError } from "../errors.js";
import type { Attrs, Op } from "../graph/op.js";
import { formatType, fp32, type TensorType } from "../graph/tensor.js";
import { OPS, type OpKind, TABLE_UPDATE_KINDS, type TableUpdateKind } from "./index.js";

interface Refusal {
  readonly operands: readonly TensorType[];
  readonly attrs?: Attrs;
}

const ids: TensorType = { dtype: "id", shape: ["B"] };
const bag: TensorType = { dtype: "ids", shape: ["B"] };
const history: TensorType = { dtype: "ids", shape: ["B"], entries: "L:history" };
const orders: TensorType = { dtype: "ids", shape: ["B"], entries: "L:orders" };
const visits: TensorType = { dtype: "ids", shape: ["B"], entries: "L:visits" };
const ofOrders: TensorType = { dtype: "fp32", shape: ["L:orders", 4] };
const entries: TensorType = { dtype: "fp32", shape: ["L:history", 4] };
const scores: TensorType = { dtype: "fp32", shape: ["L:history", 1] };
const column = fp32("B", 1);
const lr = fp32(1);
const table = fp32(10, 4);
const tableAttrs = { poolings: ["sum"], l2: 0, everyRow: false };

/** Operands to refuse, besides those that differ from a signature by one change (`conformance/operand-types.test.ts`). */
const REFUSALS: { readonly [K in OpKind]?: readonly Refusal[] } = {
  translate: [
    { operands: [], attrs: { rows: 4 } },
    { operands: [ids, fp32("B", 1)], attrs: { rows: 4 } },
    { operands: [table], attrs: { rows: 4 } },
  ],
  embedding: [{ operands: [table, bag] }, { operands: [fp32(10), ids] }, { operands: [table, fp32("B", 4)] }],
  embeddingBag: [{ operands: [table, ids], attrs: { pooling: "sum" } }],
  quantizedEmbedding: [
    { operands: [fp32(10, 3), ids], attrs: { bits: 8, dim: 5 } },
    { operands: [fp32(10, 4), bag], attrs: { bits: 8, dim: 5 } },
  ],
  quantizedEmbeddingBag: [
    { operands: [fp32(10, 4), bag], attrs: { bits: 4, dim: 5, pooling: "sum" } },
    { operands: [fp32(10, 3), ids], attrs: { bits: 4, dim: 5, pooling: "sum" } },
  ],
  embedEntries: [{ operands: [table, bag] }, { operands: [table, ids] }],
  entryWeights: [{ operands: [ids] }, { operands: [{ dtype: "ids", shape: ["B"] }] }],
  windowShares: [
    { operands: [bag], attrs: { from: "first", skip: 0, count: 1 } },
    { operands: [history], attrs: { from: "first", skip: 0, count: 0 } },
  ],
  placeSinusoids: [{ operands: [ids], attrs: { from: "last", columns: 2 } }],
  segmentSum: [
    { operands: [entries, bag], attrs: { pooling: "sum" } },
    { operands: [{ dtype: "fp32", shape: ["L:other", 4] }, history], attrs: { pooling: "sum" } },
    { operands: [fp32("B", 4), history], attrs: { pooling: "sum" } },
  ],
  repeatRows: [
    { operands: [fp32("B", 4), bag], attrs: { pooling: "sum" } },
    { operands: [entries, history], attrs: { pooling: "sum" } },
  ],
  segmentSoftmax: [{ operands: [entries, history] }, { operands: [scores, bag] }],
  segmentSoftmaxGrad: [{ operands: [entries, scores, history] }, { operands: [scores, scores, bag] }],
  segmentAttention: [
    { operands: [entries, entries, entries, bag], attrs: { heads: 2 } },
    { operands: [entries, entries, entries, history], attrs: { heads: 3 } },
    { operands: [scores, entries, entries, history], attrs: { heads: 1 } },
    { operands: [entries, entries, scores, history], attrs: { heads: 2 } },
  ],
  segmentAttentionGrad: [
    { operands: [scores, entries, entries, entries, history], attrs: { heads: 2 } },
    { operands: [entries, entries, entries, entries, bag], attrs: { heads: 2 } },
  ],
  segmentMax: [{ operands: [entries, bag] }, { operands: [fp32("B", 4), history] }],
  segmentMaxGrad: [
    { operands: [fp32("B", 3), fp32("B", 4), entries, history] },
    { operands: [fp32("B", 4), fp32("B", 4), entries, bag] },
  ],
  segmentMatmul: [
    { operands: [entries, fp32("B", 3, 4), history], attrs: { transpose: false } },
    { operands: [entries, fp32("B", 4, 3), history], attrs: { transpose: true } },
    { operands: [entries, fp32(4, 3), history], attrs: { transpose: false } },
    { operands: [entries, fp32("B", 4, 3), bag], attrs: { transpose: false } },
  ],
  segmentOuter: [{ operands: [entries, scores, bag] }, { operands: [fp32("B", 4), scores, history] }],
  poolEntries: [
    { operands: [entries, history, history], attrs: { pooling: "sum" } },
    { operands: [entries, bag, orders], attrs: { pooling: "sum" } },
    { operands: [entries, history, bag], attrs: { pooling: "mean" } },
    { operands: [entries, orders, history], attrs: { pooling: "mean" } },
  ],
  spreadEntries: [
    { operands: [entries, history, history], attrs: { pooling: "sum" } },
    { operands: [entries, history, bag], attrs: { pooling: "sum" } },
    { operands: [entries, orders, history], attrs: { pooling: "mean" } },
  ],
  concatEntries: [
    { operands: [entries, history, entries, history, orders], attrs: { prefix: 0 } },
    { operands: [entries, history, ofOrders, orders, orders], attrs: { prefix: 0 } },
    { operands: [entries, history, ofOrders, orders, bag], attrs: { prefix: 0 } },
    { operands: [scores, history, ofOrders, orders, visits], attrs: { prefix: 1 } },
    { operands: [entries, orders, ofOrders, history, visits], attrs: { prefix: 1 } },
  ],
  splitEntries: [
    { operands: [entries, history, orders, history], attrs: { prefix: 0 } },
    { operands: [entries, history, orders, orders], attrs: { prefix: 0 } },
    { operands: [entries, orders, visits, history], attrs: { prefix: 0 } },
    { operands: [entries, history, orders, bag], attrs: { prefix: 1 } },
  ],
  gatherEntries: [
    { operands: [entries, fp32("B", 2), bag], attrs: { from: "first" } },
    { operands: [entries, fp32(2), history], attrs: { from: "first" } },
    { operands: [entries, fp32("B", 2, 1), history], attrs: { from: "last" } },
  ],
  scatterEntries: [
    { operands: [fp32("B", 3, 4), fp32("B", 2), history], attrs: { from: "first" } },
    { operands: [fp32("B", 2), fp32("B", 2), history], attrs: { from: "first" } },
    { operands: [fp32("B", 2, 4), fp32("B", 2), fp32("B", 2)], attrs: { from: "last" } },
  ],
  linear: [
    { operands: [fp32("B", 3), { dtype: "bf16", shape: [2, 3] }], attrs: { fn: "none" } },
    { operands: [fp32("B", 3), fp32(2, 4)] },
    { operands: [fp32("B", 3), fp32(2, 3), fp32(3)] },
    { operands: [fp32("B", 3, 1), fp32(2, 3)] },
    { operands: [fp32(5, 3), fp32(2, 3)] },
  ],
  linearGradInput: [
    { operands: [fp32("B", 3), fp32(2, 4)] },
    { operands: [fp32("B", 2), fp32(2, 4), fp32("B", 3)] },
  ],
  sumRows: [{ operands: [fp32(3, 2)] }, { operands: [ids] }],
  concat: [
    { operands: [] },
    { operands: [fp32("B", 2, 3), fp32("B", 2, 4)] },
    { operands: [fp32("B", 2), fp32(2)] },
    { operands: [fp32("B", 2), ids] },
  ],
  slice: [
    { operands: [fp32("B", 4)], attrs: { start: 2, size: 3 } },
    { operands: [fp32("B", 4)], attrs: { start: -1, size: 2 } },
    { operands: [fp32("B", 4)], attrs: { start: 0, size: 0 } },
  ],
  reshape: [
    { operands: [fp32("B", 6)], attrs: { dims: [4, 2] } },
    { operands: [fp32(6)], attrs: { dims: [6] } },
  ],
  add: [{ operands: [fp32("B", 2)] }, { operands: [fp32("B", 2), fp32("B", 3)] }, { operands: [ids, ids] }],
  multiply: [{ operands: [fp32("B", 2), fp32("B", 3)] }, { operands: [fp32(2), fp32(2)] }],
  sumColumns: [{ operands: [fp32("B", 2, 3)] }],
  broadcastColumns: [{ operands: [fp32("B", 2)], attrs: { columns: 3 } }],
  dotInteraction: [{ operands: [fp32("B", 6)] }, { operands: [fp32("B", 1, 6)] }],
  factorizationMachine: [{ operands: [fp32("B", 6)] }],
  batchMatmul: [
    { operands: [fp32("B", 2, 3), fp32("B", 2, 3)], attrs: { transposeA: false, transposeB: false } },
    { operands: [fp32("B", 2, 3), fp32("B", 4, 2)], attrs: { transposeA: true, transposeB: false } },
    { operands: [fp32(2, 3), fp32(3, 2)], attrs: { transposeA: false, transposeB: false } },
    { operands: [fp32("B", 3), fp32("B", 3, 2)], attrs: { transposeA: false, transposeB: false } },
  ],
  softmax: [{ operands: [fp32(3)] }, { operands: [ids] }],
  transpose: [{ operands: [fp32("B", 6)] }, { operands: [fp32(2, 3)] }],
  compressedInteraction: [
    { operands: [fp32("B", 2, 4), fp32("B", 3, 4), fp32(5, 7)], attrs: { pairs: "all" } },
    { operands: [fp32("B", 2, 4), fp32("B", 3, 5), fp32(5, 6)], attrs: { pairs: "all" } },
    { operands: [fp32("B", 2, 4), fp32("B", 3, 4), fp32(5, 6), fp32(4)], attrs: { pairs: "all" } },
    { operands: [fp32("B", 2, 4), fp32("B", 3, 4), fp32(5, 6)], attrs: { pairs: "upper" } },
    { operands: [fp32("B", 3, 4), fp32("B", 3, 4), fp32(5, 9)], attrs: { pairs: "upper" } },
  ],
  compressedInteractionGradInput: [
    { operands: [fp32("B", 5, 3), fp32("B", 2, 4), fp32("B", 3, 4), fp32(5, 6)], attrs: { pairs: "all" } },
    { operands: [fp32("B", 5, 4), fp32("B", 3, 4), fp32("B", 3, 4), fp32(5, 9)], attrs: { pairs: "upper" } },
  ],
  compressedInteractionGradWeight: [
    { operands: [fp32("B", 5, 3), fp32("B", 2, 4), fp32("B", 3, 4)], attrs: { pairs: "all" } },
    { operands: [fp32("B", 5, 4), fp32("B", 2, 4), fp32("B", 3, 4)], attrs: { pairs: "upper" } },
  ],
  foldPairs: [{ operands: [fp32(2, 8)] }, { operands: [fp32(9)] }, { operands: [fp32("B", 9)] }],
  unfoldPairs: [{ operands: [fp32(2, 8)] }, { operands: [fp32(6)] }, { operands: [fp32("B", 6)] }],
  sumInner: [{ operands: [fp32("B", 6)] }, { operands: [fp32(2, 3)] }],
  broadcastInner: [{ operands: [fp32("B", 2, 3)], attrs: { size: 4 } }],
  batchMoments: [{ operands: [fp32("B", 2, 3)] }],
  batchNormalize: [
    { operands: [fp32("B", 2), fp32(2), fp32(2), fp32(2), fp32(3)], attrs: { eps: 1e-5, training: true } },
    { operands: [fp32("B", 2), fp32(2), fp32(2), fp32(2)], attrs: { eps: 1e-5, training: true } },
  ],
  batchNormGradInput: [{ operands: [fp32("B", 2), fp32("B", 2), fp32(2), fp32(2)], attrs: { eps: 1e-5 } }],
  dropout: [
    { operands: [fp32("B", 2)], attrs: { rate: 1, stream: 0 } },
    { operands: [fp32("B", 2)], attrs: { rate: -0.1, stream: 0 } },
    { operands: [fp32(2)], attrs: { rate: 0.5, stream: 0 } },
  ],
  sigmoidCrossEntropy: [{ operands: [fp32("B", 2), fp32("B", 2)] }, { operands: [column, ids] }],
  sigmoidCrossEntropyGrad: [{ operands: [column, column] }],
  batchMean: [{ operands: [fp32("B", 2)] }],
  batchMeanGrad: [{ operands: [column] }],
  sgd: [
    { operands: [fp32(2, 3), fp32(3, 2), lr], attrs: { l2: 0 } },
    { operands: [fp32(2), fp32(2), fp32(2)], attrs: { l2: 0 } },
    { operands: [fp32(2), fp32(2), lr, fp32(2)], attrs: { l2: 0 } },
  ],
  adagrad: [{ operands: [fp32(2), fp32(2), lr], attrs: { eps: 1e-8, l2: 0 } }],
  momentum: [{ operands: [fp32(2), fp32(2), lr, fp32(3)], attrs: {} }],
  rmsprop: [{ operands: [fp32(2), fp32(2), lr], attrs: {} }],
  adadelta: [{ operands: [fp32(2), fp32(2), lr, fp32(2)], attrs: {} }],
  adam: [{ operands: [fp32(2), fp32(2), lr, fp32(2), fp32(3)], attrs: {} }],
  focalCrossEntropy: [{ operands: [column, fp32("B", 2)] }, { operands: [column] }],
  focalCrossEntropyGrad: [{ operands: [column, column] }],
  softmaxCrossEntropy: [{ operands: [fp32("B", 3), fp32("B", 3)] }, { operands: [fp32("B", 3)] }],
  softmaxCrossEntropyGrad: [
    { operands: [fp32("B", 3), fp32("B", 3), column] },
    { operands: [column, column] },
  ],
  sessionLogSumExp: [{ operands: [fp32("B", 3), column, ids] }, { operands: [fp32("B", 2), column, column] }],
  rightClass: [{ operands: [fp32(3), column] }, { operands: [fp32("B", 3), fp32("B", 3)] }],
  scoreHistogram: [
    { operands: [fp32(2, 2, 8), column, column] },
    { operands: [fp32(1, 3, 8), column, column] },
    { operands: [fp32(1, 2, 8), column, fp32("B", 2)] },
  ],
  sessionLogSumExpGrad: [{ operands: [fp32("B", 2), column, ids] }],
  sumSquares: [{ operands: [fp32("B", 2)] }, { operands: [] }],
  clipFactor: [{ operands: [] }, { operands: [fp32(1), column] }],
  scaleByNumber: [{ operands: [fp32(2), fp32(2)] }, { operands: [column, lr] }],
  clipValue: [{ operands: [column], attrs: { limit: 1 } }],
  tableSumSquares: [
    { operands: [table, ids, fp32("B", 5)], attrs: { poolings: ["sum"] } },
    { operands: [table, ids, fp32("B", 4)], attrs: { poolings: ["sum", "sum"] } },
  ],
};

/** What an embedding optimizer refuses: other operands, or one of its states in the shape of the other kind. */
function tableRefusals(kind: TableUpdateKind): Refusal[] {
  const shapes: readonly string[] = Object.values(OPS[kind].states);
  const states = shapes.map((shape) => (shape === "table" ? table : fp32(10)));
  const wrongState = shapes.map((shape, i) => states.with(i, shape === "table" ? fp32(10) : table));
  const grad = fp32("B", 4);
  const half: TensorType = { dtype: "fp16", shape: [10, 4] };
  return [
    // No draws to round by.
    { operands: [half, lr, ...states, ids, grad], attrs: tableAttrs },
    { operands: [table, lr, ...states, ids, fp32("B", 5)], attrs: tableAttrs },
    { operands: [table, lr, ...states, column, grad], attrs: tableAttrs },
    { operands: [table, lr, ...states, ids, grad, ids, grad], attrs: tableAttrs },
    // No factor.
    { operands: [table, lr, ...states, ids, grad], attrs: { ...tableAttrs, scaled: true } },
    ...wrongState.map((wrong) => ({ operands: [table, lr, ...wrong, ids, grad], attrs: tableAttrs })),
  ];
}
const TABLE_REFUSALS = Object.fromEntries(TABLE_UPDATE_KINDS.map((kind) => [kind, tableRefusals(kind)]));

const cases = Object.entries({ ...REFUSALS, ...TABLE_REFUSALS }).flatMap(([kind, refusals]) =>
  refusals.map((refusal) => [kind, refusal.operands.map(formatType).join(", "), refusal] as const),
);

describe("shape rules", () => {
  it.each(cases)("%s refuses (%s)", (kind, got, { operands, attrs }) => {
    const error = refusalOf(() => (OPS[kind as OpKind] as Op).infer(operands, attrs ?? {}));
    expect(error).toBeInstanceOf(GraphError);
    expect(error?.report.where).toContain(kind);
    expect(error?.report.got).toBe(got);
    expect(error?.report.expected).toBeTruthy();
  });

  it("gives every operation the name of its table key and an opcode of its own", () => {
    const ops = Object.entries(OPS) as [string, Op][];
    for (const [key, op] of ops) expect(op.kind).toBe(key);
    expect(new Set(ops.map(([, op]) => op.opcode)).size).toBe(ops.length);
  });
});

function refusalOf(run: () => unknown): GraphError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error as GraphError;
  }
}
