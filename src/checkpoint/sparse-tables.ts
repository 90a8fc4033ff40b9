import { fillInitial } from "../initial-values.js";
import { quantizeRows } from "../quantized-rows.js";
import { drawKey, rowDraws } from "../random.js";
import { ARRAY_OF, bytesOf, DTYPE_BYTES, HALF_DTYPES, isHalf, type TensorArray } from "./dtypes.js";
import { arrayFor, checkRange, readElements } from "./file-bytes.js";
import { firstAtLeast, type SparseNumbers } from "./layered-rows.js";
import type { LayeredTables } from "./layered-tables.js";
import type { StoredRows, Tensors } from "./tensors.js";

type TableDtype = "F32" | "F16" | "BF16";

/** A tensor of a sparse table. */
interface Sparse extends SparseNumbers {
  readonly dtype: TableDtype;
  readonly dim: number;
}

/** The tables of a checkpoint, sparse ones with all their rows: what is not stored is drawn when it is read. */
export class SparseTables implements Tensors {
  readonly tensors: Tensors["tensors"];
  private readonly sparse: ReadonlyMap<string, Sparse>;

  /** @param tables in which sparse tables have only their stored rows */
  constructor(
    private readonly tables: LayeredTables,
    private readonly dir: string,
  ) {
    this.sparse = new Map(
      [...tables.sparse].map(([name, numbers]) => {
        const { dtype, shape } = tables.tensors.get(name)!;
        return [name, { ...numbers, dtype: dtype as TableDtype, dim: shape[1] }];
      }),
    );
    const whole = [...this.sparse].map(
      ([name, { dtype, rows, dim }]) => [name, { dtype, shape: [rows, dim] }] as const,
    );
    this.tensors = new Map([...tables.tensors, ...whole]);
  }

  async read(name: string): Promise<TensorArray> {
    const own = this.sparse.get(name);
    if (!own) return this.tables.read(name);
    const destination = arrayFor(own.dtype, own.rows * own.dim, `${this.dir}: ${name}`);
    await this.readInto(name, destination);
    return destination;
  }

  async readInto(name: string, destination: TensorArray, from = 0): Promise<void> {
    const own = this.sparse.get(name);
    if (!own) return this.tables.readInto(name, destination, from);
    const where = `${this.dir}: ${name}`;
    checkRange(where, from, destination.length, own.rows * own.dim);
    const start = from * DTYPE_BYTES[own.dtype];
    const readBytes = (into: Uint8Array, at: number) => this.readBytes(name, own, into, start + at);
    await readElements(readBytes, own.dtype, destination, where);
  }

  pieceOf(name: string): number {
    return this.tables.pieceOf(name);
  }

  locate(name: string) {
    return this.sparse.has(name) ? undefined : this.tables.locate(name);
  }

  stored(name: string): StoredRows | undefined {
    const own = this.sparse.get(name);
    if (!own) return undefined;
    const { stored: rows, initial } = own;
    return { rows, initial, numbers: this.tables };
  }

  inSlots(name: string) {
    return this.tables.inSlots(name);
  }

  close(): Promise<void> {
    return this.tables.close();
  }

  /** Copies bytes of rows, beginning at byte `from`. */
  private async readBytes(name: string, own: Sparse, into: Uint8Array, from: number): Promise<void> {
    const rowBytes = own.dim * DTYPE_BYTES[own.dtype];
    const [first, end] = [Math.floor(from / rowBytes), Math.ceil((from + into.length) / rowBytes)];
    const [begin, last] = [first, end].map((row) => firstAtLeast(own.stored, own.stored.length, row));
    const found = new ARRAY_OF[own.dtype]((last - begin) * own.dim);
    await this.tables.readInto(name, found, begin * own.dim);
    const rows = new ARRAY_OF[own.dtype]((end - first) * own.dim);
    const rowOf = (all: typeof rows, i: number) => all.subarray(i * own.dim, (i + 1) * own.dim);
    const initial = new ARRAY_OF[own.dtype](own.dim);
    const isConstant = own.initial.values.kind === "constant";
    if (isConstant) fillRow(initial, own, first);
    let next = begin;
    for (let row = first; row < end; row++) {
      const to = rowOf(rows, row - first);
      if (next < last && own.stored[next] === BigInt(row)) to.set(rowOf(found, next++ - begin));
      else if (isConstant) to.set(initial);
      else fillRow(to, own, row);
    }
    into.set(
      bytesOf(rows)
        .subarray(from - first * rowBytes)
        .subarray(0, into.length),
    );
  }
}

function fillRow(to: Float32Array | Uint16Array, { dtype, initial }: Sparse, row: number): void {
  const { seed, stream, values, quantized } = initial;
  const numbers = quantized ? new Float32Array(quantized.dim) : to;
  const draws = rowDraws(drawKey(seed, stream, 0), BigInt(row), numbers.length);
  fillInitial(numbers, isHalf(dtype) ? HALF_DTYPES[dtype] : "fp32", values, draws);
  if (quantized) bytesOf(to).set(bytesOf(quantizeRows(numbers as Float32Array, quantized)));
}
