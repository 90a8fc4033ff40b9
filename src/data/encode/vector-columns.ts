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
  type ElementsOf,
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
  const elements = elementsOf(reads, kernels);
  return LISTS.has(reads) ? new ListVector(chunk, vector, rows, elements) : elements(chunk, vector, rows);
}

const LISTS: ReadonlySet<Wire["reads"]> = new Set(["texts", "numbers", "numberTexts", "integerTexts"]);

function elementsOf(reads: Wire["reads"], kernels: ColumnKernels): ElementsOf {
  switch (reads) {
    case "text":
    case "texts":
      return (...of) => new TextVector(...of);
    case "number":
    case "numbers":
    case "times":
      return (...of) => new NumberVector(...of);
    default:
      return (...of) => kernels.parse(new TextVector(...of), reads.startsWith("integer"));
  }
}

/** The values of an input of a derived feature, as JavaScript rows have them. */
export function inputValues(vector: AnyVector, reads: Wire["reads"], rows: number): readonly unknown[] {
  const values = vectorValues(vector, rows);
  return reads === "times" ? values.map((time) => (time == null ? time : new Date(time as number))) : values;
}

/**
 * @param vectors the vectors of one reading: one; for weighted ids the lists of ids and of weights; for histories the lists of
 * entries and the numbers of those that are left out
 */
export function vectorColumn([vector, second]: readonly AnyVector[], kernels: ColumnKernels): RawColumn {
  if (!(vector instanceof ListVector)) return new VectorValues(vector, kernels);
  if (second instanceof NumberVector) return new VectorLists(vector, kernels, undefined, second);
  return new VectorLists(vector, kernels, second as ListVector | undefined);
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
    private readonly cuts?: NumberVector,
  ) {
    this.elements = new VectorValues(lists.child, kernels);
    if (!weights) return;
    const numbers = weights.child as NumberVector | ParsedNumbers;
    this.weightOf = (row, i) => {
      const at = weights.starts[row] + i;
      return numbers.isNull(at) ? Number.NaN : numbers.values[at];
    };
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

  cut(row: number): number {
    return this.cuts?.values[row] ?? 0;
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
  return joined(ids, row, (id, i) => `${id}:${valueText(weights.child, weights.starts[row] + i)}`);
}

function valueText(vector: AnyVector, row: number): string | null {
  if (vector.isNull(row)) return null;
  if (vector instanceof TextVector) return isRefusal(vector, row) ? null : vector.text(row);
  if (vector instanceof ParsedNumbers) return vector.texts.text(row);
  if (vector instanceof NumberVector) return String(vector.values[row]);
  return joined(vector, row, (text) => text ?? "");
}

/** True where a mark of a refusal stands instead of a value. */
function isRefusal(vector: AnyVector, row: number): boolean {
  return vector instanceof TextVector && refusalOfText(vector.text(row) ?? "") !== 0;
}

/** The elements of a list; null if refusals stand in the place of all. */
function joined(
  { child, starts, ends }: ListVector,
  row: number,
  textOf: (element: string | null, index: number) => string,
): string | null {
  const indices = Array.from({ length: ends[row] - starts[row] }, (_, i) => i);
  const shown = indices.filter((i) => !isRefusal(child, starts[row] + i));
  if (shown.length === 0 && indices.length > 0) return null;
  return shown.map((i) => textOf(valueText(child, starts[row] + i), i)).join(",");
}
