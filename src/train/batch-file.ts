import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "../checkpoint/disk.js";
import type { Column, ColumnSet } from "../columns/columns.js";
import { permutation } from "../columns/order.js";
import type { Position } from "./training-state.js";

interface Order {
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
}

/**
 * Writes the rows of one training step, as the model sees them, to `diverged-step-<step>.jsonl` for inspection: one JSON
 * object per row, with its number in the training split, its ids, numbers, label and weight.
 * @returns the path
 */
export async function writeBatch(
  runDir: string,
  { rows, columns }: ColumnSet,
  { step, epoch, epochStep }: Position,
  { batchSize, seed, shuffle }: Order,
): Promise<string> {
  const path = join(runDir, `diverged-step-${String(step).padStart(8, "0")}.jsonl`);
  const rowAt = shuffle ? permutation(rows, { seed, epoch }) : (position: number) => position;
  const start = epochStep * batchSize;
  await onDisk("the rows of the step cannot be written", path, async () => {
    await rm(path, { force: true }); // opening a pipe would wait for a reader
    const file = await open(path, "wx");
    try {
      for (let position = start; position < Math.min(start + batchSize, rows); position++)
        await file.write(`${JSON.stringify(rowOf(columns, rowAt(position)))}\n`);
    } finally {
      await file.close();
    }
  });
  return path;
}

function rowOf(columns: ColumnSet["columns"], row: number): Record<string, unknown> {
  const values = [...columns].map(([name, column]) => [name, cellOf(column, row)]);
  return Object.fromEntries([["@row", row], ...values]);
}

/** 64-bit ids and numbers that are not finite are texts, because JSON has neither. */
function cellOf(column: Column, row: number): unknown {
  if (column.kind === "id") return jsonOf(column.data[column.offset + row * column.stride]);
  if (column.kind === "ids") {
    const [begin, end] = [Number(column.offsets[row]), Number(column.offsets[row + 1])];
    return Array.from(column.values.slice(begin, end), jsonOf);
  }
  const { data, offset, stride, width } = column;
  const numbers = Array.from(data.slice(offset + row * stride, offset + row * stride + width), jsonOf);
  return width === 1 ? numbers[0] : numbers;
}

const jsonOf = (value: number | bigint): unknown =>
  typeof value === "bigint" || !Number.isFinite(value) ? String(value) : value;
