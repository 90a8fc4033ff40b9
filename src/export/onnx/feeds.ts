import type { Column, ColumnSet } from "../../columns/columns.js";
import type { OnnxInput, OnnxSource } from "./onnx-graph.js";

/** A tensor for onnxruntime. */
export interface Feed {
  readonly type: OnnxInput["type"] extends infer T ? (T extends "float" ? "float32" : T) : never;
  readonly data: Float32Array | BigInt64Array | readonly string[];
  readonly dims: readonly number[];
}

/** A noncharacter, which no vocabulary has. The text of U+0000 would be the empty one in C. */
const UNKNOWN = "\uffff";

/** The rows of columns as the inputs of an exported model, by their names. */
export function feedsOf({ columns, rows }: ColumnSet, source: OnnxSource): Map<string, Feed> {
  return new Map([...columns].flatMap(([name, column]) => feedsOfColumn(name, column, rows, source)));
}

function feedsOfColumn(name: string, column: Column, count: number, source: OnnxSource): [string, Feed][] {
  const rows = Array.from({ length: count }, (_, row) => row);
  if (column.kind === "number") {
    const { data, offset, stride, width } = column;
    const numbers = rows.flatMap((row) => [
      ...data.subarray(offset + row * stride, offset + row * stride + width),
    ]);
    return [[name, { type: "float32", data: Float32Array.from(numbers), dims: [count, width] }]];
  }
  if (column.kind === "id") {
    const ids = rows.map((row) => BigInt(column.data[column.offset + row * column.stride]));
    return [[name, idFeed(name, ids, source)]];
  }
  return bagFeeds(name, column, count, source);
}

function bagFeeds(
  name: string,
  { values, offsets, weights }: Column & { kind: "ids" },
  count: number,
  source: OnnxSource,
): [string, Feed][] {
  const total = Number(offsets[count]);
  const ids = Array.from(values.subarray(0, total) as Int32Array, BigInt);
  const positions = BigInt64Array.from(offsets.subarray(0, count + 1));
  const given = weights?.slice(0, total) ?? new Float32Array(total).fill(1);
  return [
    [`${name}.values`, idFeed(name, ids, source)],
    [`${name}.offsets`, { type: "int64", data: positions, dims: [count + 1] }],
    ...(source.weighted.has(name)
      ? [[`${name}.weights`, { type: "float32", data: given, dims: [total] }] as [string, Feed]]
      : []),
  ];
}

function idFeed(name: string, ids: readonly bigint[], source: OnnxSource): Feed {
  const texts = source.texts.get(name);
  const dims = [ids.length];
  if (!texts) return { type: "int64", data: BigInt64Array.from(ids), dims };
  const textOf = (id: number) => texts.texts[id] ?? (id === texts.missing ? "" : UNKNOWN);
  return { type: "string", data: ids.map((id) => textOf(Number(id))), dims };
}
