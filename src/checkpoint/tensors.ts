import { CheckpointError } from "../errors.js";
import type { Dtype, TensorArray } from "./dtypes.js";
import type { InitialValues } from "./table-layout.js";

/** Named tensors of one or several open files. The caller closes them. */
export interface Tensors {
  readonly tensors: ReadonlyMap<string, { readonly dtype: Dtype; readonly shape: readonly number[] }>;
  /**
   * Reads a whole tensor to a new array: F32, F16 and BF16 to Float32Array, I32, U32, I64 and U64 to the arrays of these types.
   */
  read(name: string): Promise<TensorArray>;
  /**
   * Fills `destination` with elements in row-major order, beginning at index `from`. Only exact conversions (F16 and
   * BF16 to float32) are made. A Uint16Array receives the bits of F16 or BF16, depending on the file.
   * @throws CheckpointError for an unknown name, a range outside the tensor, or a dtype that the array cannot hold
   */
  readInto(name: string, destination: TensorArray, from?: number): Promise<void>;
  /** Number of elements per read that reaches full disk speed. */
  pieceOf(name: string): number;
  /** The tensor's position if it is contiguous in row-major order; otherwise undefined. */
  locate(name: string): { readonly path: string; readonly offset: number } | undefined;
  /**
   * What is stored of a tensor of a sparse table: only some of its rows, while the others have initial values. Other methods
   * give all rows. Absent, or undefined: all rows are stored.
   */
  stored?(name: string): StoredRows | undefined;
  /**
   * Reads elements of a table of fixed size that is stored in the order of slots, as it is stored: beginning at index `from` of
   * the rows in this order. Absent, or undefined: it is stored otherwise.
   */
  inSlots?(name: string): ReadInto | undefined;
  close(): Promise<void>;
}

export type ReadInto = (destination: TensorArray, from: number) => Promise<void>;

export interface StoredRows {
  /** Their numbers, ascending. */
  readonly rows: BigUint64Array;
  /** What the other rows have. */
  readonly initial: InitialValues;
  /** Where the tensor of this name has only these rows. */
  readonly numbers: Pick<Tensors, "tensors" | "readInto" | "pieceOf" | "locate">;
}

/** Combines the tensors of several sources. */
export class JoinedTensors implements Tensors {
  readonly tensors: Tensors["tensors"];

  /**
   * @param parts for a name in several parts, the first is used
   * @param hidden names that do not count
   */
  constructor(
    private readonly parts: readonly Tensors[],
    private readonly where: string,
    hidden: ReadonlySet<string> = new Set(),
  ) {
    const all = [...parts].reverse().flatMap(({ tensors }) => [...tensors]);
    this.tensors = new Map(all.filter(([name]) => !hidden.has(name)));
  }

  read(name: string): Promise<TensorArray> {
    return this.having(name).read(name);
  }

  readInto(name: string, destination: TensorArray, from?: number): Promise<void> {
    return this.having(name).readInto(name, destination, from);
  }

  pieceOf(name: string): number {
    return this.having(name).pieceOf(name);
  }

  locate(name: string) {
    return this.having(name).locate(name);
  }

  stored(name: string) {
    return this.having(name).stored?.(name);
  }

  inSlots(name: string) {
    return this.having(name).inSlots?.(name);
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.close()));
  }

  private having(name: string): Tensors {
    const part = this.parts.find(({ tensors }) => tensors.has(name));
    if (part && this.tensors.has(name)) return part;
    throw noSuchTensor(name, this.tensors, this.where);
  }
}

export function noSuchTensor(name: string, tensors: Tensors["tensors"], where: string): CheckpointError {
  const names = [...tensors.keys()];
  return new CheckpointError({
    what: "no such tensor",
    where,
    got: name,
    expected: `one of ${names.length} tensors: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`,
  });
}
