/** Where ids are encoded: an id for each row, or a negative number that says why there is none. */

/** The position of a column in a row-major matrix: row r is `data[offset + r*stride]`. */
export interface Target<Values> {
  readonly data: Values;
  readonly offset: number;
  readonly stride: number;
}

/** 32-bit ids and negative numbers are in one array, 64-bit ids are beside the negative numbers of the rows. */
export type IdTarget = Target<Int32Array> | WideTarget;
export interface WideTarget extends Target<BigInt64Array> {
  /** By row; 0 for a row that has an id. */
  readonly codes: Int8Array;
}

/** Writes what `idOf` returns for each row: an id, or a negative number for none. Returns the number of rows without. */
export function writeIds(target: IdTarget, rows: number, idOf: (row: number) => number | bigint): number {
  let without = 0;
  for (let r = 0; r < rows; r++) {
    setId(target, r, idOf(r));
    if (codeAt(target, r) < 0) without++;
  }
  return without;
}

export function setId(target: IdTarget, row: number, id: number | bigint): void {
  const at = target.offset + row * target.stride;
  if (!("codes" in target)) {
    target.data[at] = Number(id);
    return;
  }
  const isCode = typeof id === "number" && id < 0;
  target.codes[row] = isCode ? Number(id) : 0;
  target.data[at] = isCode ? 0n : BigInt(id);
}

/** The negative number of a row without an id, else 0. */
export function codeAt(target: IdTarget, row: number): number {
  if ("codes" in target) return target.codes[row];
  return Math.min(0, target.data[target.offset + row * target.stride]);
}

/** The id of a row that has one. */
export function idAt({ data, offset, stride }: IdTarget, row: number): number | bigint {
  return data[offset + row * stride];
}

/** A target of `rows` ids, side by side. */
export function newTarget(rows: number, wide: boolean): IdTarget {
  const place = { offset: 0, stride: 1 };
  return wide
    ? { data: new BigInt64Array(rows), codes: new Int8Array(rows), ...place }
    : { data: new Int32Array(rows), ...place };
}
