import type { DataChunk } from "@duckdb/node-bindings";
import { type LabelKind, targetRefusal } from "../../features/targets.js";
import { duckdb } from "../source/binding.js";
import type { TargetWire } from "../source/target-query.js";
import { NumberVector } from "../source/vectors.js";
import type { TargetRows } from "./target-learner.js";

/** How the label of a row is read, and what else decides which rows a mean may use. */
export interface TargetQuery {
  readonly label: TargetWire;
  readonly labels: LabelKind;
  /** Absent: every weight is 1. */
  readonly weight?: TargetWire;
  /** SQL of a number; absent if the rows have no time. */
  readonly time?: string;
}

/** The columns that {@link readTargets} reads. */
export function targetSql(target: TargetQuery | undefined): string[] {
  if (!target) return [];
  const { label, weight, time } = target;
  return [
    label.number,
    weight?.number ?? "CAST(1 AS DOUBLE)",
    ...(time === undefined ? [] : [`CAST(${time} AS DOUBLE)`]),
  ];
}

/** @param first the position of the first column */
export function readTargets(
  chunk: DataChunk,
  first: number,
  target: TargetQuery | undefined,
): TargetRows | undefined {
  if (!target) return undefined;
  const numbers = (index: number): Float64Array => {
    const rows = duckdb.data_chunk_get_size(chunk);
    const vector = new NumberVector(chunk, duckdb.data_chunk_get_vector(chunk, first + index), rows);
    return Float64Array.from({ length: rows }, (_, r) => (vector.isNull(r) ? Number.NaN : vector.values[r]));
  };
  const { labels: kind, time } = target;
  const labels = numbers(0).map((label) => (targetRefusal(kind, label) === 0 ? label : Number.NaN));
  return { labels, weights: numbers(1), ...(time !== undefined && { times: numbers(2) }) };
}
