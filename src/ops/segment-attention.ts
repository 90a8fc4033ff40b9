import { asFp32, type BagValue, defineOp, type Floats, type KernelCall } from "../graph/op.js";
import { columnsOf, type TensorType } from "../graph/tensor.js";
import { checkShapes, sameType } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { isOfBag } from "./segment-sum.js";

export interface AttentionAttrs {
  readonly heads: number;
}

/**
 * Attention of several heads among the entries of each row: queries q and keys k [L, H K], values v [L, H V], their bag
 * [B] -> [L, H V]. Head h has the columns [h K, (h + 1) K) of q and k and those of v in the same way:
 * `out_i = sum_j softmax_j(q_i · k_j / sqrt(K)) v_j` over the entries j of the row of i. Memory grows with the longest row,
 * not with its square.
 * Source: Vaswani et al., "Attention Is All You Need", 2017, sections 3.2.1 and 3.2.2.
 */
export const segmentAttention = defineOp<AttentionAttrs>({
  kind: "segmentAttention",
  opcode: 168,
  execution: "rowwise",
  entries: "segments",
  operands: "q:entries[n] k:entries[n] v:entries[m] bag -> out:entries[m]",
  attributes: "heads:count",
  meaning:
    "`softmax(q k^T / sqrt(n / heads)) v` over the entries of each row, for each of the `heads` equal parts of the columns",
  // The product of every two entries of a row is not known before the step: as if each row had one entry.
  cost: ({ shapes }) => once(2 * (sizeOf(shapes[0]) + sizeOf(shapes[2])), shapes),
  infer(operands, { heads }) {
    checkShapes(areOperands(operands, heads), "segmentAttention", OPERANDS, operands);
    return [operands[2]];
  },
  gradient: ({ inputs, outputGradients: [dy], attrs, apply }) => [
    ...(dy ? apply(segmentAttentionGrad, [dy, ...inputs], attrs) : [undefined, undefined, undefined]),
    undefined,
  ],
  reference(call) {
    const [q, k, v] = call.inputs.slice(0, 3).map((value) => asFp32(value).data);
    const out = asFp32(call.outputs[0]).data;
    forHeads(call, 0, ({ key, value }, entries) => {
      for (const i of entries) {
        const weights = weightsOf(q, k, i, entries, key);
        entries.forEach((j, at) => void addTo(out, i, weights[at], v, j, value));
      }
    });
  },
  encode: ({ attrs: { heads } }) => [heads],
});

/** dy [L, H V], and the operands of {@link segmentAttention} -> dq and dk [L, H K], dv [L, H V]. */
export const segmentAttentionGrad = defineOp<AttentionAttrs>({
  kind: "segmentAttentionGrad",
  opcode: 169,
  execution: "rowwise",
  entries: "segments",
  operands:
    "dy:entries[m] q:entries[n] k:entries[n] v:entries[m] bag -> dq:entries[n] dk:entries[n] dv:entries[m]",
  attributes: "heads:count",
  meaning: "the gradients of q, k and v in `segmentAttention`",
  cost: ({ shapes }) => once(6 * sizeOf(shapes[1]) + 4 * sizeOf(shapes[3]), shapes),
  infer([dy, ...operands], { heads }) {
    const ok = areOperands(operands, heads) && sameType(dy, operands[2]);
    checkShapes(ok, "segmentAttentionGrad", `dy of the type of v, ${OPERANDS}`, [dy, ...operands]);
    return operands.slice(0, 3);
  },
  reference(call) {
    const [dy, q, k, v] = call.inputs.slice(0, 4).map((value) => asFp32(value).data);
    const [dq, dk, dv] = call.outputs.map((value) => asFp32(value).data);
    forHeads(call, 1, ({ key, value }, entries) => {
      const scale = 1 / Math.sqrt(key.size);
      for (const i of entries) {
        const weights = weightsOf(q, k, i, entries, key);
        const slopes = entries.map((j) => dot(dy, i, v, j, value));
        const mean = slopes.reduce((sum, slope, at) => sum + slope * weights[at], 0);
        entries.forEach((j, at) => {
          const ds = weights[at] * (slopes[at] - mean) * scale;
          addTo(dv, j, weights[at], dy, i, value);
          addTo(dq, i, ds, k, j, key);
          addTo(dk, j, ds, q, i, key);
        });
      }
    });
  },
  encode: ({ attrs: { heads } }) => [heads],
});

const OPERANDS = "q, k [L, n] and v [L, m] of a bag [B], n and m multiples of the heads";

function areOperands([q, k, v, bag]: readonly TensorType[], heads: number): boolean {
  if (![q, k, v].every((x) => isOfBag(x, bag)) || !sameType(q, k)) return false;
  return heads > 0 && [k, v].every((x) => columnsOf(x) % heads === 0);
}

/** The columns of a head in lines of `line` numbers. */
interface Columns {
  readonly line: number;
  readonly first: number;
  readonly size: number;
}

/** @param first the index of q among the operands */
function forHeads(
  { node, inputs, attrs: { heads } }: KernelCall<AttentionAttrs>,
  first: number,
  visit: (columns: { key: Columns; value: Columns }, entries: readonly number[]) => void,
): void {
  const columns = (x: TensorType, head: number): Columns => {
    const [line, size] = [columnsOf(x), columnsOf(x) / heads];
    return { line, first: head * size, size };
  };
  const { offsets } = inputs[first + 3] as BagValue;
  for (let b = 0; b + 1 < offsets.length; b++) {
    const entries = Array.from({ length: offsets[b + 1] - offsets[b] }, (_, k) => offsets[b] + k);
    for (let head = 0; head < heads; head++) {
      const [key, value] = [node.inputs[first], node.inputs[first + 2]].map((x) => columns(x, head));
      visit({ key, value }, entries);
    }
  }
}

/** Softmax over the entries j of the row of i. */
function weightsOf(q: Floats, k: Floats, i: number, entries: readonly number[], key: Columns): number[] {
  const scores = entries.map((j) => dot(q, i, k, j, key) / Math.sqrt(key.size));
  const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = scores.map((score) => Math.exp(score - most));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

function dot(a: Floats, i: number, b: Floats, j: number, { line, first, size }: Columns): number {
  let sum = 0;
  for (let d = first; d < first + size; d++) sum += a[i * line + d] * b[j * line + d];
  return sum;
}

/** Adds `factor` times line j of x to line i of `to`. */
function addTo(
  to: Floats,
  i: number,
  factor: number,
  x: Floats,
  j: number,
  { line, first, size }: Columns,
): void {
  for (let d = first; d < first + size; d++) to[i * line + d] += factor * x[j * line + d];
}
