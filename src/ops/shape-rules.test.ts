import { describe, expect, it } from "vitest";
import { GraphError } from "../errors.js";
import type { Attrs, Op } from "../graph/op.js";
import { f32, formatType, type TensorType } from "../graph/tensor.js";
import { OPS, type OpKind, TABLE_UPDATE_KINDS, type TableUpdateKind } from "./index.js";

interface Refusal {
  readonly operands: readonly TensorType[];
  readonly attrs?: Attrs;
}

const ids: TensorType = { dtype: "id", shape: ["B"] };
const bag: TensorType = { dtype: "bag", shape: ["B"] };
const column = f32("B", 1);
const lr = f32(1);
const table = f32(10, 4);
const tableAttrs = { poolings: ["sum"], l2: 0, everyRow: false };

/** Operands that each operation has to refuse; sources take none. */
const REFUSALS: { readonly [K in Exclude<OpKind, TableUpdateKind>]: readonly Refusal[] } = {
  input: [],
  parameter: [],
  scalar: [],
  constant: [],
  constantRows: [],
  embedding: [{ operands: [table, bag] }, { operands: [f32(10), ids] }, { operands: [table, f32("B", 4)] }],
  embeddingBag: [{ operands: [table, ids], attrs: { pooling: "sum" } }],
  linear: [
    { operands: [f32("B", 3), { dtype: "bf16", shape: [2, 3] }], attrs: { fn: "none" } },
    { operands: [f32("B", 3), f32(2, 4)] },
    { operands: [f32("B", 3), f32(2, 3), f32(3)] },
    { operands: [f32("B", 3, 1), f32(2, 3)] },
    { operands: [f32(5, 3), f32(2, 3)] },
  ],
  linearGradInput: [
    { operands: [f32("B", 3), f32(2, 4)] },
    { operands: [f32("B", 2), f32(2, 4), f32("B", 3)] },
  ],
  linearGradWeight: [{ operands: [f32("B", 3), f32(2, 4)] }],
  sumRows: [{ operands: [f32(3, 2)] }, { operands: [ids] }],
  activation: [
    { operands: [f32(3)], attrs: { fn: "relu" } },
    { operands: [ids], attrs: { fn: "relu" } },
  ],
  activationGrad: [{ operands: [f32("B", 3), f32("B", 4)], attrs: { fn: "relu" } }],
  concat: [
    { operands: [] },
    { operands: [f32("B", 2, 3), f32("B", 2, 4)] },
    { operands: [f32("B", 2), f32(2)] },
    { operands: [f32("B", 2), ids] },
  ],
  slice: [
    { operands: [f32("B", 4)], attrs: { start: 2, size: 3 } },
    { operands: [f32("B", 4)], attrs: { start: -1, size: 2 } },
    { operands: [f32("B", 4)], attrs: { start: 0, size: 0 } },
  ],
  reshape: [
    { operands: [f32("B", 6)], attrs: { dims: [4, 2] } },
    { operands: [f32(6)], attrs: { dims: [6] } },
  ],
  add: [{ operands: [f32("B", 2)] }, { operands: [f32("B", 2), f32("B", 3)] }, { operands: [ids, ids] }],
  addBias: [{ operands: [f32("B", 2), f32(3)] }, { operands: [f32("B", 2), f32("B", 2)] }],
  multiply: [{ operands: [f32("B", 2), f32("B", 3)] }, { operands: [f32(2), f32(2)] }],
  scale: [{ operands: [ids], attrs: { factor: 2 } }],
  sumColumns: [{ operands: [f32("B", 2, 3)] }],
  broadcastColumns: [{ operands: [f32("B", 2)], attrs: { columns: 3 } }],
  dotInteraction: [{ operands: [f32("B", 6)] }, { operands: [f32("B", 1, 6)] }],
  dotInteractionGrad: [{ operands: [f32("B", 4), f32("B", 3, 2)] }],
  factorizationMachine: [{ operands: [f32("B", 6)] }],
  factorizationMachineGrad: [{ operands: [f32("B", 3), f32("B", 3, 2)] }],
  batchMatmul: [
    { operands: [f32("B", 2, 3), f32("B", 2, 3)], attrs: { transposeA: false, transposeB: false } },
    { operands: [f32("B", 2, 3), f32("B", 4, 2)], attrs: { transposeA: true, transposeB: false } },
    { operands: [f32(2, 3), f32(3, 2)], attrs: { transposeA: false, transposeB: false } },
    { operands: [f32("B", 3), f32("B", 3, 2)], attrs: { transposeA: false, transposeB: false } },
  ],
  softmax: [{ operands: [f32(3)] }, { operands: [ids] }],
  softmaxGrad: [{ operands: [f32("B", 2, 3), f32("B", 3, 2)] }],
  transpose: [{ operands: [f32("B", 6)] }, { operands: [f32(2, 3)] }],
  scaleColumns: [{ operands: [f32("B", 2), f32(3)] }, { operands: [f32("B", 2), f32("B", 2)] }],
  compressedInteraction: [
    { operands: [f32("B", 2, 4), f32("B", 3, 4), f32(5, 7)], attrs: { pairs: "all" } },
    { operands: [f32("B", 2, 4), f32("B", 3, 5), f32(5, 6)], attrs: { pairs: "all" } },
    { operands: [f32("B", 2, 4), f32("B", 3, 4), f32(5, 6), f32(4)], attrs: { pairs: "all" } },
    { operands: [f32("B", 2, 4), f32("B", 3, 4), f32(5, 6)], attrs: { pairs: "upper" } },
    { operands: [f32("B", 3, 4), f32("B", 3, 4), f32(5, 9)], attrs: { pairs: "upper" } },
  ],
  compressedInteractionGradInput: [
    { operands: [f32("B", 5, 3), f32("B", 2, 4), f32("B", 3, 4), f32(5, 6)], attrs: { pairs: "all" } },
    { operands: [f32("B", 5, 4), f32("B", 3, 4), f32("B", 3, 4), f32(5, 9)], attrs: { pairs: "upper" } },
  ],
  compressedInteractionGradWeight: [
    { operands: [f32("B", 5, 3), f32("B", 2, 4), f32("B", 3, 4)], attrs: { pairs: "all" } },
    { operands: [f32("B", 5, 4), f32("B", 2, 4), f32("B", 3, 4)], attrs: { pairs: "upper" } },
  ],
  foldPairs: [{ operands: [f32(2, 8)] }, { operands: [f32(9)] }, { operands: [f32("B", 9)] }],
  unfoldPairs: [{ operands: [f32(2, 8)] }, { operands: [f32(6)] }, { operands: [f32("B", 6)] }],
  sumInner: [{ operands: [f32("B", 6)] }, { operands: [f32(2, 3)] }],
  broadcastInner: [{ operands: [f32("B", 2, 3)], attrs: { size: 4 } }],
  batchMoments: [{ operands: [f32("B", 2, 3)] }],
  batchNormalize: [
    { operands: [f32("B", 2), f32(2), f32(2), f32(2), f32(3)], attrs: { eps: 1e-5, training: true } },
    { operands: [f32("B", 2), f32(2), f32(2), f32(2)], attrs: { eps: 1e-5, training: true } },
  ],
  batchNormGradSums: [{ operands: [f32("B", 2), f32("B", 3), f32(2), f32(2)], attrs: { eps: 1e-5 } }],
  batchNormGradInput: [{ operands: [f32("B", 2), f32("B", 2), f32(2), f32(2)], attrs: { eps: 1e-5 } }],
  updateRunning: [{ operands: [f32(2), f32(2), f32(2), f32(3)], attrs: { momentum: 0.1 } }],
  layerNorm: [{ operands: [f32("B", 2), f32(2), f32(3)], attrs: { eps: 1e-5 } }],
  layerNormGradInput: [{ operands: [f32("B", 2), f32("B", 2), f32(3)], attrs: { eps: 1e-5 } }],
  layerNormGradParams: [{ operands: [f32("B", 2), f32("B", 3)], attrs: { eps: 1e-5 } }],
  dropout: [
    { operands: [f32("B", 2)], attrs: { rate: 1, stream: 0 } },
    { operands: [f32("B", 2)], attrs: { rate: -0.1, stream: 0 } },
    { operands: [f32(2)], attrs: { rate: 0.5, stream: 0 } },
  ],
  sigmoidCrossEntropy: [{ operands: [f32("B", 2), f32("B", 2)] }, { operands: [column, ids] }],
  sigmoidCrossEntropyGrad: [{ operands: [column, column] }],
  batchMean: [{ operands: [f32("B", 2)] }],
  batchMeanGrad: [{ operands: [column] }],
  sgd: [
    { operands: [f32(2, 3), f32(3, 2), lr], attrs: { l2: 0 } },
    { operands: [f32(2), f32(2), f32(2)], attrs: { l2: 0 } },
    { operands: [f32(2), f32(2), lr, f32(2)], attrs: { l2: 0 } },
  ],
  adagrad: [{ operands: [f32(2), f32(2), lr], attrs: { eps: 1e-8, l2: 0 } }],
  adam: [{ operands: [f32(2), f32(2), lr, f32(2), f32(3)], attrs: {} }],
  focalCrossEntropy: [{ operands: [column, f32("B", 2)] }, { operands: [column] }],
  focalCrossEntropyGrad: [{ operands: [column, column] }],
  softmaxCrossEntropy: [{ operands: [f32("B", 3), f32("B", 3)] }, { operands: [f32("B", 3)] }],
  softmaxCrossEntropyGrad: [{ operands: [f32("B", 3), f32("B", 3), column] }, { operands: [column, column] }],
  sessionLogSumExp: [{ operands: [f32("B", 3), column, ids] }, { operands: [f32("B", 2), column, column] }],
  scoreHistogram: [
    { operands: [f32(2, 2, 8), column, column] },
    { operands: [f32(1, 3, 8), column, column] },
    { operands: [f32(1, 2, 8), column, f32("B", 2)] },
  ],
  sessionLogSumExpGrad: [{ operands: [f32("B", 2), column, ids] }],
  sumSquares: [{ operands: [f32("B", 2)] }, { operands: [] }],
  clipFactor: [{ operands: [] }, { operands: [f32(1), column] }],
  scaleByNumber: [{ operands: [f32(2), f32(2)] }, { operands: [column, lr] }],
  clipValue: [{ operands: [column], attrs: { limit: 1 } }],
  movingAverage: [{ operands: [f32(2), f32(3)] }, { operands: [f32(2)] }],
  tableSumSquares: [
    { operands: [table, ids, f32("B", 5)], attrs: { poolings: ["sum"] } },
    { operands: [table, ids, f32("B", 4)], attrs: { poolings: ["sum", "sum"] } },
  ],
};

/** What an embedding optimizer refuses: other operands, or one of its states in the shape of the other kind. */
function tableRefusals(kind: TableUpdateKind): Refusal[] {
  const shapes: readonly string[] = Object.values(OPS[kind].states);
  const states = shapes.map((shape) => (shape === "table" ? table : f32(10)));
  const wrongState = shapes.map((shape, i) => states.with(i, shape === "table" ? f32(10) : table));
  const grad = f32("B", 4);
  const half: TensorType = { dtype: "f16", shape: [10, 4] };
  return [
    // No draws to round by.
    { operands: [half, lr, ...states, ids, grad], attrs: tableAttrs },
    { operands: [table, lr, ...states, ids, f32("B", 5)], attrs: tableAttrs },
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

  it("covers every operation that takes operands", () => {
    const uncovered = Object.entries(REFUSALS).filter(([, refusals]) => refusals.length === 0);
    expect(uncovered.map(([kind]) => kind)).toEqual([
      "input",
      "parameter",
      "scalar",
      "constant",
      "constantRows",
    ]);
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
