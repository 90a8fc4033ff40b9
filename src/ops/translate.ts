import { type BagValue, defineOp, type IdValue, type Value } from "../graph/op.js";
import { idsBelow, isBag, isId } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { sizeOf } from "./cost.js";

export interface TranslateAttrs {
  /** Name of the translation that the caller binds. */
  readonly name: string;
  /** Number of rows of the table; every result is below it. */
  readonly rows: number;
  /** True if ids without a row may get one, as in training. */
  readonly admits: boolean;
}

/**
 * Maps ids to table rows: columns of ids or bags [B] -> as many columns of rows; bags keep their weights. Takes the
 * columns of all features that share the table, row by row, and within a row column by column, so new ids get the same
 * rows for any number of threads.
 */
export const translate = defineOp<TranslateAttrs>({
  kind: "translate",
  opcode: 6,
  execution: "batch",
  binds: "translation",
  operands: "ids:samples... -> rows:samples...",
  attributes: "translation admits:flag",
  meaning: "see translations",
  cost: ({ shapes }) => ({ flops: 0, elements: shapes.map(sizeOf) }),
  infer(columns, { rows }) {
    const ok = columns.length > 0 && columns.every(({ dtype }) => isId(dtype) || isBag(dtype));
    checkShapes(ok, "translate", "columns of ids or bags", columns);
    return columns.map((ids) => ({ ...ids, dtype: idsBelow(rows, isId(ids.dtype) ? "id" : "ids") }));
  },
  reference({ inputs, outputs, attrs, context }) {
    const translation = context.translations!.get(attrs.name)!;
    const places = placesOf(inputs, context.rows);
    const ids = BigInt64Array.from(places, ({ column, at }) => BigInt(idsOf(inputs[column])[at]));
    const rows = attrs.admits ? translation.admit(ids, context.step) : translation.translate(ids);
    const results = outputs as readonly (IdValue | BagValue)[];
    for (const result of results) result.names = translation.names;
    places.forEach(({ column, at }, i) => {
      idsOf(results[column])[at] = rows[i];
    });
  },
  encode: ({ attrs }) => [Number(attrs.admits)],
});

/** The positions of the ids of all columns, row by row. */
function placesOf(columns: readonly Value[], rows: number): { column: number; at: number }[] {
  return Array.from({ length: rows }, (_, b) =>
    columns.flatMap((value, column) => {
      if (value.kind === "id" || value.kind === "key") return [{ column, at: b }];
      const { offsets } = value as BagValue;
      return Array.from({ length: offsets[b + 1] - offsets[b] }, (_, i) => ({ column, at: offsets[b] + i }));
    }),
  ).flat();
}

function idsOf(value: IdValue | BagValue): Int32Array | Float64Array;
function idsOf(value: Value): Int32Array | Float64Array | BigInt64Array;
function idsOf(value: Value) {
  return value.kind === "ids" || value.kind === "keys" ? value.values : (value as IdValue).data;
}
