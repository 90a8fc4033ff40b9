import { type BagValue, defineOp, type IdValue, type Value } from "../graph/op.js";
import { idsBelow, isBag, isId } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { sizeOf } from "./cost.js";

export interface TranslateAttrs {
  /** What the caller binds by this name turns ids into rows. */
  readonly name: string;
  /** Of the table: every row is below. */
  readonly rows: number;
  /** Whether ids without a row may get one, as in training. */
  readonly admits: boolean;
}

/**
 * Ids to rows of a table: columns of ids or bags [B] -> as many columns of rows, bags with the weights that they had.
 * It takes the columns of all features that share the table, in the order of the samples, and within a sample in that of
 * the columns: so ids that get a row get the same one whatever the threads do.
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
    return columns.map(({ dtype, shape }) => ({ dtype: idsBelow(rows, isId(dtype) ? "id" : "ids"), shape }));
  },
  reference({ inputs, outputs, attrs, context }) {
    const translation = context.translations!.get(attrs.name)!;
    const places = placesOf(inputs, context.rows);
    const ids = places.map(({ column, at }) => idsOf(inputs[column])[at]);
    const rows = attrs.admits ? translation.admit(ids) : translation.translate(ids);
    places.forEach(({ column, at }, i) => {
      idsOf(outputs[column])[at] = rows[i];
    });
  },
  encode: ({ attrs }) => [Number(attrs.admits)],
});

/** Where the ids of all columns are, sample after sample. */
function placesOf(columns: readonly Value[], rows: number): { column: number; at: number }[] {
  return Array.from({ length: rows }, (_, b) =>
    columns.flatMap((value, column) => {
      if (value.kind === "id") return [{ column, at: b }];
      const { offsets } = value as BagValue;
      return Array.from({ length: offsets[b + 1] - offsets[b] }, (_, i) => ({ column, at: offsets[b] + i }));
    }),
  ).flat();
}

function idsOf(value: Value): Int32Array | Float64Array {
  return value.kind === "ids" ? value.values : (value as IdValue).data;
}
