import { ExecutionError } from "../../errors.js";
import type { Initializer } from "../../graph/initializer.js";
import type { TableDtype } from "../../graph/tensor.js";
import { type Numbers, narrow, numbersOf } from "../../half.js";
import type { Rows } from "../../native/addon.js";
import { drawKey, drawUnit, type RowDraws } from "../../random.js";
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
  fillFrom(from: number, count: number, init: Initializer, { key, first }: RowDraws): void {
    const values = new Float32Array(count);
    for (let i = first; i < first + count; i++) {
      if (init.kind === "constant") values[i - first] = init.value;
      else if (init.kind === "values") values[i - first] = init.values[i];
      else if (init.kind === "uniform")
        values[i - first] = init.low + (init.high - init.low) * drawUnit(key, i);
      else values[i - first] = init.mean + init.std * normal(drawUnit(key, 2 * i), drawUnit(key, 2 * i + 1));
    }
    const { data, dtype } = this;
    if (dtype === "fp32") data.set(values, from);
    else narrow(values, (data as Uint16Array).subarray(from, from + count), dtype);
  }

  private range(from: number, other: Numbers): Numbers {
    if (other.constructor !== this.data.constructor) throw wrongArray(other, this.data);
    if (from < 0 || from + other.length > this.elements) throw outside(from, other.length, this.elements);
    return this.data.subarray(from, from + other.length);
  }
}

/** A standard normal draw from two uniform draws in [0, 1) (Box & Muller, 1958); 1 - u keeps the logarithm finite. */
function normal(u: number, v: number): number {
  return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
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
