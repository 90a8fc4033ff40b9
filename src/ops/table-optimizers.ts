import {
  type BagValue,
  defineOp,
  dense,
  type Floats,
  type IdValue,
  type KernelCall,
  type Pooling,
} from "../graph/op.js";
import { f32, formatType, type TensorType } from "../graph/tensor.js";
import { drawKey } from "../random.js";
import { isFixed, isTable, require, sameType } from "./check.js";
import { type CostRule, sizeOf } from "./cost.js";
import { POOLING_CODE } from "./embedding-bag.js";
import { type AdamAttrs, adamStep } from "./optimizers.js";
import { readRow, tableOf, writeRow } from "./table-rows.js";

/*
 * Embedding optimizers. Operands: table [R, D], learning rate [1], the states, where the gradient is `scaled` its factor
 * [1], then pairs (ids, grad [B, D]), one for each lookup of the table. Duplicates are summed exactly, in the order of
 * the samples, before the one update that a row gets, as FBGEMM's fused optimizers define ("exact" mode). The sum is cut
 * off at ±`limit` and multiplied by the factor. `l2` adds `l2 * w` to the gradient of each row that is updated;
 * `everyRow` updates all rows, those not looked up with a zero gradient, as a dense optimizer would. Rows of 16-bit numbers
 * are updated in f32 and rounded stochastically, by the draws of `stream`, as FBGEMM's optimizers do with fp16 tables.
 */
export interface TableAttrs {
  readonly poolings: readonly Pooling[];
  readonly l2: number;
  readonly everyRow: boolean;
  /** The largest magnitude of an element of a row's gradient. */
  readonly limit?: number;
  /** Whether a factor of the gradient stands before the pairs. */
  readonly scaled?: boolean;
  /** Of the draws that round a table of 16-bit numbers. */
  readonly stream?: number;
}

export const tableSgd = defineOp<TableAttrs>({
  kind: "tableSgd",
  opcode: 60,
  execution: "fixed",
  cost: tableCost(4, 0),
  mutates: ({ inputs: [table] }) => [table],
  infer: (inputs, attrs) => checkTable("tableSgd", inputs, attrs, []),
  reference(call) {
    updateRows(call, 0, ({ w, g, lr }) => {
      for (let d = 0; d < w.length; d++) w[d] -= lr * g[d];
    });
  },
  encode: ({ attrs }) => encodeTable(attrs),
});

/** State: sum of squares [R, D]. */
export const tableAdagrad = defineOp<TableAttrs & { eps: number }>({
  kind: "tableAdagrad",
  opcode: 61,
  execution: "fixed",
  cost: tableCost(9, 1),
  mutates: ({ inputs: [table, , sum] }) => [table, sum],
  infer: (inputs, attrs) => checkTable("tableAdagrad", inputs, attrs, ["table"]),
  reference(call) {
    updateRows(call, 1, ({ w, g, lr, states: [s] }) => {
      for (let d = 0; d < w.length; d++) {
        s[d] += g[d] * g[d];
        w[d] -= (lr * g[d]) / (Math.sqrt(s[d]) + call.attrs.eps);
      }
    });
  },
  encode: ({ attrs }) => [attrs.eps, ...encodeTable(attrs)],
});

/** State: one sum a row [R]; `s += mean over d of g²`. Source: FBGEMM's EXACT_ROWWISE_ADAGRAD. */
export const tableRowWiseAdagrad = defineOp<TableAttrs & { eps: number }>({
  kind: "tableRowWiseAdagrad",
  opcode: 62,
  execution: "fixed",
  cost: tableCost(7, 1),
  mutates: ({ inputs: [table, , sum] }) => [table, sum],
  infer: (inputs, attrs) => checkTable("tableRowWiseAdagrad", inputs, attrs, ["row"]),
  reference(call) {
    updateRows(call, 1, ({ w, g, lr, states: [s] }) => {
      let squares = 0;
      for (let d = 0; d < w.length; d++) squares += g[d] * g[d];
      s[0] += squares / w.length;
      for (let d = 0; d < w.length; d++) w[d] -= (lr * g[d]) / (Math.sqrt(s[0]) + call.attrs.eps);
    });
  },
  encode: ({ attrs }) => [attrs.eps, ...encodeTable(attrs)],
});

/** States: m, v [R, D]; the bias correction counts global steps, as FBGEMM's ADAM and PyTorch's SparseAdam do. */
export const tableAdam = defineOp<TableAttrs & AdamAttrs>({
  kind: "tableAdam",
  opcode: 63,
  execution: "fixed",
  cost: tableCost(15, 2),
  mutates: ({ inputs: [table, , m, v] }) => [table, m, v],
  infer: (inputs, attrs) => checkTable("tableAdam", inputs, attrs, ["table", "table"]),
  reference(call) {
    const step = adamStep(call.attrs, call.context.step);
    updateRows(call, 2, ({ w, g, lr, states: [m, v] }) => {
      for (let d = 0; d < w.length; d++) step(w, m, v, d, g[d], lr);
    });
  },
  encode: ({ attrs: a }) => [a.beta1, a.beta2, a.eps, ...encodeTable(a)],
});

/**
 * So many operations for each element of a row that is updated, and an addition for each looked up. Ids count as though
 * none occurred twice, as far as the table has rows.
 */
export function tableCost(flops: number, states: number): CostRule {
  return ({ shapes, attributes }) => {
    const [[rows, dim], , ...rest] = shapes;
    const scaled = (rest.length - states) % 2;
    const pairs = rest.slice(states + scaled);
    const lookups = pairs.reduce((sum, shape, i) => sum + (i % 2 === 0 ? sizeOf(shape) : 0), 0);
    const everyRow = attributes.at(-3 - pairs.length / 2);
    const updated = everyRow ? rows : Math.min(rows, lookups);
    const touched = (shape: readonly number[]): number => (2 * updated * sizeOf(shape)) / rows;
    return {
      flops: (lookups + flops * updated) * dim,
      elements: [
        touched(shapes[0]),
        1,
        ...rest.slice(0, states).map(touched),
        ...rest.slice(states).map(sizeOf),
      ],
    };
  };
}

export function encodeTable({ stream = 0, l2, everyRow, limit = 0, scaled, poolings }: TableAttrs): number[] {
  return [stream, l2, everyRow ? 1 : 0, limit, scaled ? 1 : 0, ...encodePoolings(poolings)];
}

export function encodePoolings(poolings: readonly Pooling[]): number[] {
  return poolings.map((pooling) => POOLING_CODE[pooling]);
}

export function checkTable(
  op: string,
  inputs: readonly TensorType[],
  attrs: TableAttrs,
  states: ("table" | "row")[],
): [] {
  const [table, lr, ...rest] = inputs;
  const [rows, dim] = table.shape as number[];
  const stateTypes = states.map((kind) => (kind === "table" ? f32(rows, dim) : f32(rows)));
  const ok =
    isTable(table) &&
    (table.dtype === "f32" || attrs.stream !== undefined) &&
    isFixed(lr, 1) &&
    stateTypes.every((type, i) => sameType(rest[i], type)) &&
    (!attrs.scaled || isFixed(rest[states.length], 1)) &&
    arePairs(rest.slice(states.length + (attrs.scaled ? 1 : 0)), attrs.poolings, dim);
  const wanted = [
    "table [R, D]",
    "learning rate [1]",
    ...stateTypes.map(formatType),
    ...(attrs.scaled ? ["factor [1]"] : []),
    "pairs of ids and grad [B, D]",
  ];
  require(ok, op, wanted.join(", "), inputs);
  return [];
}

/** One pair (ids, grad [B, D]) for each pooling. */
export function arePairs(types: readonly TensorType[], poolings: readonly Pooling[], dim: number): boolean {
  return (
    types.length === 2 * poolings.length &&
    types.every((t, i) => (i % 2 === 0 ? t.dtype === "id" || t.dtype === "bag" : sameType(t, f32("B", dim))))
  );
}

interface RowUpdate {
  readonly w: Floats;
  readonly g: Floats;
  readonly lr: number;
  readonly states: readonly Floats[];
}

export function updateRows(
  call: KernelCall<TableAttrs>,
  states: number,
  update: (row: RowUpdate) => void,
): void {
  const table = tableOf(call.inputs[0]);
  const [lr] = dense(call.inputs[1]).data;
  const stateValues = call.inputs.slice(2, 2 + states).map(dense);
  const [rows, dim] = table.shape;
  const { limit, scaled, poolings } = call.attrs;
  const factor = scaled ? dense(call.inputs[2 + states]).data[0] : 1;
  const gradients = sumDuplicates(call, poolings, 2 + states + (scaled ? 1 : 0), dim);
  const touched = call.attrs.everyRow ? Array.from({ length: rows }, (_, r) => r) : [...gradients.keys()];
  const zero = readRow(table, 0).slice().fill(0);
  const key = drawKey(call.context.seed, call.attrs.stream ?? 0, call.context.step);
  for (const r of touched) {
    const w = readRow(table, r);
    const sum = gradients.get(r)?.map((value) => cutOff(value, limit) * factor) ?? zero;
    const g = sum.map((value, d) => value + call.attrs.l2 * w[d]) as Floats;
    update({ w, g, lr, states: stateValues.map(({ data }) => rowOf(data, r, data.length / rows)) });
    writeRow(table, r, w, key);
  }
}

/** The value, or ±limit where it is beyond; NaN stays NaN. */
export function cutOff(value: number, limit = Number.POSITIVE_INFINITY): number {
  return Math.min(limit, Math.max(-limit, value));
}

/** The summed gradient of every row that occurs: pairs in order, samples ascending, bag positions ascending. */
export function sumDuplicates(
  { inputs, context }: KernelCall,
  poolings: readonly Pooling[],
  firstPair: number,
  dim: number,
): Map<number, Floats> {
  const sums = new Map<number, Floats>();
  poolings.forEach((pooling, pair) => {
    const ids = inputs[firstPair + 2 * pair];
    const grad = dense(inputs[firstPair + 2 * pair + 1]).data;
    for (let b = 0; b < context.rows; b++) {
      const bag = ids.kind === "bag" ? bagOf(ids, b) : [{ id: (ids as IdValue).data[b], weight: 1 }];
      const scale = pooling === "mean" ? 1 / bag.length : 1;
      for (const { id, weight } of bag) {
        const term = rowOf(grad, b, dim).map((g) => g * scale * weight) as Floats;
        const sum = sums.get(id);
        if (!sum) sums.set(id, term);
        else for (let d = 0; d < dim; d++) sum[d] += term[d];
      }
    }
  });
  return sums;
}

function bagOf({ values, offsets, weights }: BagValue, row: number): { id: number; weight: number }[] {
  const ids = Array.from(values.subarray(offsets[row], offsets[row + 1]));
  return ids.map((id, i) => ({ id, weight: weights?.[offsets[row] + i] ?? 1 }));
}

function rowOf(data: Floats, row: number, size: number): Floats {
  return data.subarray(row * size, (row + 1) * size);
}
