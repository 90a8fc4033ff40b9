import type { BagColumn, Column, ColumnSet, Ids } from "./columns.js";

/** Some rows of columns, in the given order; a row may occur several times. Nothing is shared with the columns. */
export function selectRows({ columns }: ColumnSet, rows: Uint32Array): ColumnSet {
  const selected = [...columns].map(([name, column]) => [name, selectColumn(column, rows)] as const);
  return { rows: rows.length, columns: new Map(selected) };
}

export function selectColumn(column: Column, rows: Uint32Array): Column {
  if (column.kind === "ids") return selectBags(column, rows);
  const { data, offset, stride } = column;
  const width = column.kind === "number" ? column.width : 1;
  const taken = emptyLike(data, rows.length * width);
  rows.forEach((row, i) => {
    const at = offset + row * stride;
    for (let k = 0; k < width; k++) taken[i * width + k] = data[at + k];
  });
  return { ...column, data: taken, offset: 0, stride: width } as Column;
}

function selectBags({ kind, values, offsets, weights }: BagColumn, rows: Uint32Array): BagColumn {
  const ends = new BigUint64Array(rows.length + 1);
  rows.forEach((row, i) => {
    ends[i + 1] = ends[i] + offsets[row + 1] - offsets[row];
  });
  const taken = emptyLike(values, Number(ends[rows.length]));
  const takenWeights = weights && new Float32Array(taken.length);
  rows.forEach((row, i) => {
    const [start, end, at] = [offsets[row], offsets[row + 1], ends[i]].map(Number);
    taken.set(values.subarray(start, end) as never, at);
    takenWeights?.set(weights!.subarray(start, end), at);
  });
  return { kind, values: taken, offsets: ends, ...(takenWeights && { weights: takenWeights }) };
}

/** The rows of several sets with the same columns, one set after the other. */
export function joinRows(parts: readonly ColumnSet[]): ColumnSet {
  const [first] = parts;
  const names = [...first.columns.keys()];
  const joined = names.map((name) => [name, joinColumns(parts, name)] as const);
  return { rows: parts.reduce((sum, { rows }) => sum + rows, 0), columns: new Map(joined) };
}

function joinColumns(parts: readonly ColumnSet[], name: string): Column {
  const columns = parts.map((part) => selectColumn(part.columns.get(name)!, allRows(part.rows)));
  const [first] = columns;
  if (first.kind === "ids") return joinBags(columns as BagColumn[]);
  return { ...first, data: concat(columns.map((column) => (column as typeof first).data)) } as Column;
}

function joinBags(bags: readonly BagColumn[]): BagColumn {
  const offsets = [0n];
  for (const bag of bags) {
    const base = offsets.at(-1)!;
    for (const end of bag.offsets.subarray(1)) offsets.push(base + end);
  }
  const weights = bags[0].weights && { weights: concat(bags.map((bag) => bag.weights!)) };
  return {
    kind: "ids",
    values: concat(bags.map(({ values }) => values)),
    offsets: BigUint64Array.from(offsets),
    ...weights,
  };
}

const allRows = (rows: number): Uint32Array => Uint32Array.from({ length: rows }, (_, row) => row);

function emptyLike<T extends Ids | Float32Array>(array: T, length: number): T {
  return new (array.constructor as new (length: number) => T)(length);
}

function concat<T extends Ids | Float32Array>(arrays: readonly T[]): T {
  const joined = emptyLike(
    arrays[0],
    arrays.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const array of arrays) {
    joined.set(array as never, at);
    at += array.length;
  }
  return joined;
}
