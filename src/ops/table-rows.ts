import { asFp32, type DenseValue, type Floats, type HalfValue, type Value } from "../graph/op.js";
import { roundStochastically, widen } from "../half.js";
import { draw, type RowDraws } from "../random.js";

export type TableValue = DenseValue | HalfValue;

/** Narrows a value to a table [R, D]. */
export function tableOf(value: Value): TableValue {
  return value.kind === "fp16" || value.kind === "bf16" ? value : asFp32(value);
}

/** A row [D]: a view of the table's memory for fp32, a copy for 16-bit numbers. */
export function readRow(table: TableValue, row: number): Floats {
  const dim = table.shape[1];
  const [begin, end] = [row * dim, (row + 1) * dim];
  if (table.kind === "fp32") return table.data.subarray(begin, end);
  const wide = new Float32Array(dim);
  widen(table.data.subarray(begin, end), wide, table.kind);
  return wide;
}

/** Writes an updated row back, and records the change. 16-bit numbers are rounded by the row's draws. */
export function writeRow(table: TableValue, row: number, weights: Floats, { key, first }: RowDraws): void {
  if (table.changed) table.changed[row] = 0xff;
  if (table.kind === "fp32") return;
  const begin = row * table.shape[1];
  for (let d = 0; d < weights.length; d++)
    table.data[begin + d] = roundStochastically(weights[d], table.kind, draw(key, first + d));
}
