import { ExecutionError } from "../../errors.js";
import type { Initializer } from "../../graph/initializer.js";
import type { TableDtype } from "../../graph/tensor.js";
import { type HalfDtype, type Numbers, narrow, numbersOf } from "../../half.js";
import { fillInitial } from "../../initial-values.js";
import type { Rows } from "../../native/addon.js";
import { drawKey, type RowDraws } from "../../random.js";
import type { ChangeConsumer, Memory } from "../backend.js";

/** Memory as one array for the reference kernels. */
export class ReferenceMemory implements Memory {
  readonly data: Numbers;
  /** A byte per row, see `Memory.readChanges`. */
  changed?: Uint8Array;

  constructor(
    readonly elements: number,
    readonly dtype: TableDtype,
  ) {
    this.data = numbersOf(dtype, elements);
  }

  read(from: number, into: Numbers): void {
    into.set(this.range(from, into));
  }

  write(from: number, values: Numbers): void {
    this.range(from, values).set(values);
  }

  gather(rows: Rows, width: number, from: number, into: Numbers): void {
    for (let i = 0; i < into.length; i++) {
      const at = from + i;
      const row = Number(rows[Math.floor(at / width)] ?? Number.POSITIVE_INFINITY);
      const index = row * width + (at % width);
      if (!(index < this.elements)) throw outside(index, 1, this.elements);
      into[i] = this.data[index];
    }
  }

  scatter(rows: Rows, width: number, values: Numbers): void {
    rows.forEach((row: number | bigint, i: number) => {
      this.write(Number(row) * width, values.subarray(i * width, (i + 1) * width));
    });
  }

  trackChanges(width: number): void {
    this.changed ??= new Uint8Array(this.elements / width);
  }

  readChanges(from: number, into: Uint8Array): void {
    const rows = this.changed?.length ?? 0;
    if (from < 0 || from + into.length > rows) throw outside(from, into.length, rows);
    into.set(this.changed!.subarray(from, from + into.length));
  }

  clearChanges(consumer: ChangeConsumer): void {
    this.changed?.forEach((byte, row, all) => {
      all[row] = byte & ~(1 << consumer);
    });
  }

  copyFrom(source: Memory): void {
    const { data } = source as ReferenceMemory;
    if (data.length !== this.elements) throw outside(0, data.length, this.elements);
    this.write(0, data);
  }

  fill(init: Initializer, seed: number, stream: number): void {
    this.fillFrom(0, this.elements, init, { key: drawKey(seed, stream, 0), first: 0 });
  }

  /** Initializes `count` elements beginning at index `from`; element `from + i` has the draw `first + i`. */
  fillFrom(from: number, count: number, init: Initializer, draws: RowDraws): void {
    const part = this.data.subarray(from, from + count);
    if (init.kind !== "values") fillInitial(part, this.dtype, init, draws);
    else if (part instanceof Float32Array) part.set(init.values);
    else narrow(Float32Array.from(init.values), part, this.dtype as HalfDtype);
  }

  private range(from: number, other: Numbers): Numbers {
    if (other.constructor !== this.data.constructor) throw wrongArray(other, this.data);
    if (from < 0 || from + other.length > this.elements) throw outside(from, other.length, this.elements);
    return this.data.subarray(from, from + other.length);
  }
}

function outside(from: number, count: number, elements: number): ExecutionError {
  return new ExecutionError({
    what: "a range is outside the parameter",
    got: `numbers ${from} to ${from + count}`,
    expected: `within 0 to ${elements}`,
  });
}

function wrongArray(got: Numbers, expected: Numbers): ExecutionError {
  return new ExecutionError({
    what: "numbers are in an array of another dtype than their parameter",
    got: got.constructor.name,
    expected: expected.constructor.name,
  });
}
