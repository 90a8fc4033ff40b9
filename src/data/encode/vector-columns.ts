import type { DataChunk } from "@duckdb/node-bindings";
import { refusalOfText } from "../../features/canonical.js";
import { type IdTarget, type Target, writeIds } from "../../features/id-target.js";
import type { RawColumn, RawLists, RawValues } from "../../features/raw-column.js";
import { Refusal, type RefusalCode } from "../../features/refusal.js";
import type { DenseTransform, IdTransform } from "../../features/transform.js";
import { duckdb } from "../source/binding.js";
import type { Wire } from "../source/column-query.js";
import {
  type AnyVector,
  entryValues,
  ListVector,
  NumberVector,
  ParsedNumbers,
  TextVector,
  vectorValues,
} from "../source/vectors.js";
import type { ColumnKernels } from "./column-kernels.js";

/** Wraps the columns of a DuckDB chunk for the feature encoders. */

export function readVector(
  chunk: DataChunk,
  index: number,
  reads: Wire["reads"],
  kernels: ColumnKernels,
): AnyVector {
  const rows = duckdb.data_chunk_get_size(chunk);
  const vector = duckdb.data_chunk_get_vector(chunk, index);
  switch (reads) {
    case "text":
      return new TextVector(chunk, vector, rows);
    case "numberText":
    case "integerText":
      return kernels.parse(new TextVector(chunk, vector, rows), reads === "integerText");
    case "number":
    case "times":
      return new NumberVector(chunk, vector, rows);
    case "texts":
      return new ListVector(chunk, vector, rows, "text");
    case "numbers":
      return new ListVector(chunk, vector, rows, "number");
  }
}

/** The values of an input of a derived feature, as JavaScript rows have them. */
export function inputValues(vector: AnyVector, reads: Wire["reads"], rows: number): readonly unknown[] {
  const values = vectorValues(vector, rows);
  return reads === "times" ? values.map((time) => (time == null ? time : new Date(time as number))) : values;
}

/** @param vectors the vectors of one reading: one, or for weighted ids the lists of ids and of weights */
export function vectorColumn([vector, weights]: readonly AnyVector[], kernels: ColumnKernels): RawColumn {
  if (!(vector instanceof ListVector)) return new VectorValues(vector, kernels);
  return new VectorLists(vector, kernels, weights as ListVector | undefined);
}

class VectorValues implements RawValues {
  constructor(
    private readonly vector: NumberVector | ParsedNumbers | TextVector,
    private readonly kernels: ColumnKernels,
  ) {}

  get rows(): number {
    return this.vector.rows;
  }

  ids(transform: IdTransform, missing: number, results: IdTarget): number {
    if (transform.reads === "text")
      return this.kernels.texts(this.vector as TextVector, transform, missing, results);
    const vector = this.vector as NumberVector | ParsedNumbers;
    return writeIds(results, vector.rows, (r) =>
      vector.isNull(r) ? missing : transform.encode(vector.values[r]),
    );
  }

  numbers(transform: DenseTransform, results: Target<Float32Array>): number {
    return this.kernels.numbers(this.vector as NumberVector | ParsedNumbers, transform, results);
  }

  isMissing(row: number): boolean {
    return this.vector.isNull(row);
  }

  values(): readonly unknown[] {
    return vectorValues(this.vector, this.rows);
  }
}

class VectorLists implements RawLists {
  readonly elements: RawValues;
  readonly weightOf: RawLists["weightOf"];

  constructor(
    private readonly lists: ListVector,
    kernels: ColumnKernels,
    private readonly weights?: ListVector,
  ) {
    this.elements = new VectorValues(lists.child, kernels);
    if (!weights) return;
    const { values } = weights.child as NumberVector;
    this.weightOf = (row, i) => values[weights.starts[row] + i];
  }

  startOf(row: number): number {
    return this.lists.starts[row];
  }

  endOf(row: number): number {
    return this.lists.ends[row];
  }

  absence(row: number): 0 | RefusalCode {
    return this.lists.isNull(row) ? Refusal.missing : 0;
  }

  values(): readonly unknown[] {
    return this.weights
      ? entryValues(this.lists, this.weights, this.lists.rows)
      : vectorValues(this.lists, this.lists.rows);
  }
}

/** The values of a row as DuckDB returned them, for messages. */
export function rowText(vectors: readonly AnyVector[], row: number): string | null {
  const values = vectors.map((vector) => valueText(vector, row));
  return values.length > 1 ? JSON.stringify(values) : (values[0] ?? null);
}

/** A row of weighted ids as `id:weight` texts, for messages. */
export function entriesText(vectors: readonly AnyVector[], row: number): string | null {
  const [ids, weights] = vectors as ListVector[];
  if (ids.isNull(row)) return null;
  const weightTexts = elementTexts(weights, row);
  return elementTexts(ids, row)
    .map((id, i) => `${id}:${weightTexts[i]}`)
    .join(",");
}

function valueText(vector: AnyVector, row: number): string | null {
  if (vector.isNull(row)) return null;
  if (vector instanceof TextVector) return writtenText(vector.text(row));
  if (vector instanceof ParsedNumbers) return vector.texts.text(row);
  if (vector instanceof NumberVector) return String(vector.values[row]);
  return elementTexts(vector, row).join(",");
}

/** null where a mark of a refusal stands instead of a value. */
function writtenText(text: string | null): string | null {
  return text !== null && refusalOfText(text) !== 0 ? null : text;
}

function elementTexts({ child, starts, ends }: ListVector, row: number): (string | null)[] {
  return Array.from({ length: ends[row] - starts[row] }, (_, i) => valueText(child, starts[row] + i));
}
