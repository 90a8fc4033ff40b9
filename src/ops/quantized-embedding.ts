import {
  asFp32,
  type CostRequest,
  defineOp,
  type Floats,
  type IdValue,
  type Pooling,
  type Value,
} from "../graph/op.js";
import { fp32, isBag, isId, type TensorType } from "../graph/tensor.js";
import { type QuantizedAttrs, ROW_HEAD, wordsOf } from "../quantized-rows.js";
import { checkShapes, isFixed } from "./check.js";
import { sizeOf } from "./cost.js";
import { POOLING_CODE, poolBags } from "./embedding-bag.js";

/* The words of quantized rows are in an fp32 parameter, and nothing computes with them as numbers. */

/** Embedding lookup in a table of quantized rows: table [R, words], ids [B] -> [B, D]. */
export const quantizedEmbedding = defineOp<QuantizedAttrs>({
  kind: "quantizedEmbedding",
  opcode: 86,
  execution: "rowwise",
  operands: "table:param[R,W] ids -> out:row[D]",
  attributes: "bits:count",
  meaning:
    "`offset + scale * q` of row ids[b]: words of the row are scale, offset, then D integers of 8 or 4 bits; of 4 bits the first ceil(D/2) are the low halves of the bytes, the others the high halves",
  cost: (request) => costOf(request, 0),
  infer([table, ids], attrs) {
    checkShapes(isQuantized(table, attrs) && isId(ids.dtype), "quantizedEmbedding", OPERANDS, [table, ids]);
    return [fp32("B", attrs.dim)];
  },
  reference({ inputs, outputs, attrs }) {
    const out = asFp32(outputs[0]).data;
    const ids = (inputs[1] as IdValue).data;
    ids.forEach((id, b) => void out.set(numbersOf(inputs[0], id, attrs), b * attrs.dim));
  },
  encode: ({ attrs }) => [attrs.bits],
});

/** Pooled lookup in a table of quantized rows: table [R, words], bag [B] -> [B, D], like `embeddingBag`. */
export const quantizedEmbeddingBag = defineOp<QuantizedAttrs & { readonly pooling: Pooling }>({
  kind: "quantizedEmbeddingBag",
  opcode: 87,
  execution: "rowwise",
  operands: "table:param[R,W] bag -> out:row[D]",
  attributes: "bits:count pooling",
  meaning: "the same rows, pooled as embeddingBag does",
  cost: (request) => costOf(request, 2),
  infer([table, bag], attrs) {
    checkShapes(isQuantized(table, attrs) && isBag(bag.dtype), "quantizedEmbeddingBag", OPERANDS, [
      table,
      bag,
    ]);
    return [fp32("B", attrs.dim)];
  },
  reference(call) {
    const { inputs, attrs } = call;
    poolBags(call, attrs.pooling, (row) => numbersOf(inputs[0], row, attrs));
  },
  encode: ({ attrs }) => [attrs.bits, POOLING_CODE[attrs.pooling]],
});

const OPERANDS = "table [R, words of a row], ids or bags [B]";

function isQuantized(table: TensorType, attrs: QuantizedAttrs): boolean {
  return isFixed(table, table.shape[0], wordsOf(attrs));
}

/** Two operations for each number that is read, and more where it is added up. */
function costOf({ shapes: [table, ids, out] }: CostRequest, pooling: number) {
  const rows = sizeOf(ids);
  return {
    flops: rows * out[1] * (2 + pooling),
    elements: [rows * table[1], rows, sizeOf(out)],
  };
}

/** A row as numbers. */
function numbersOf(table: Value, row: number, attrs: QuantizedAttrs): Float64Array {
  const words = wordsOf(attrs);
  const { data } = asFp32(table);
  const [scale, offset] = data.subarray(row * words);
  const integers = integersOf(bytesOf(data, row * words + ROW_HEAD, words - ROW_HEAD), attrs);
  return Float64Array.from(integers, (q) => offset + scale * q);
}

function integersOf(bytes: Uint8Array, { bits, dim }: QuantizedAttrs): number[] {
  const low = bits === 8 ? dim : Math.ceil(dim / 2);
  return Array.from({ length: dim }, (_, d) => {
    if (bits === 8) return bytes[d];
    return d < low ? bytes[d] & 15 : bytes[d - low] >> 4;
  });
}

/** The bits of fp32 numbers. */
function bytesOf(data: Floats, from: number, count: number): Uint8Array {
  const words = data instanceof Float32Array ? data : Float32Array.from(data.subarray(from, from + count));
  const start = words === data ? from : 0;
  return new Uint8Array(words.buffer, words.byteOffset + 4 * start, 4 * count);
}
