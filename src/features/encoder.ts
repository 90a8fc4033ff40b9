import type { ColumnSet } from "../columns/columns.js";
import { Block, type Layout, layoutOf, weightColumn } from "./block.js";
import { columnReader, compileCell, numberCell, targetFeature } from "./cells.js";
import { compileDerivation, evaluationOrder, inputNames } from "./derive.js";
import type { FittedFeature, FittedFeatures } from "./fitted.js";
import { featureValues } from "./outputs.js";
import { type RefusalCode, refusalText } from "./refusal.js";
import { type LabelKind, labelNames, targetColumns, targetOffset, targetRefusal } from "./targets.js";
import { vocabularyCache } from "./transform.js";

/** Rows of JavaScript objects to columns, with the transforms that packing uses: what a predictor runs. */

export type RawRow = Readonly<Record<string, unknown>>;

/** A cell that its feature refuses. */
export interface BadCell {
  /** Index of the row in the input. */
  readonly row: number;
  /** The feature, or "@label", one of several labels "@label.<key>", or "@weight". */
  readonly feature: string;
  readonly reason: string;
}

/**
 * Columns with one row per input row. A row named in `bad` is not to be used: its refused cells hold 0. At most one
 * refusal is named per row, the first.
 */
export interface EncodedRows extends ColumnSet {
  readonly bad: readonly BadCell[];
}

export interface Encoder {
  /** The columns share no memory with earlier results. */
  encode(rows: readonly RawRow[]): EncodedRows;
}

export interface EncoderOptions {
  /** The key of the target, or of several; without it the result has neither "@label" nor "@weight". */
  readonly label?: string | readonly string[];
  /** The key of the sample weight; without it every weight is 1. */
  readonly weight?: string;
  /** Rows with other labels are bad; default `binary`. */
  readonly labels?: LabelKind;
}

/** Compiles the transforms of all features once. */
export function createEncoder(fitted: FittedFeatures, options: EncoderOptions = {}): Encoder {
  const labels = labelNames(options.label ?? []);
  const layout = layoutOf(fitted, labels.length);
  const columns = featureColumns(fitted, layout);
  if (labels.length > 0) columns.push(...targetEncoders(layout, labels, options));
  return { encode: (rows) => encodeRows(layout, columns, rows) };
}

/** {@link createEncoder} for one use. */
export function packRows(
  fitted: FittedFeatures,
  rows: readonly RawRow[],
  options: EncoderOptions = {},
): EncodedRows {
  return createEncoder(fitted, options).encode(rows);
}

/** A batch on its way: the rows, what is encoded so far, and by feature what other features read of it. */
interface Batch {
  readonly rows: readonly RawRow[];
  readonly block: Block;
  readonly values: Map<string, readonly unknown[]>;
}

/** Encodes one feature; `refuse` is told of each row that it refuses. */
interface EncodeColumn {
  readonly feature: string;
  encode(batch: Batch, refuse: (row: number, code: RefusalCode) => void): void;
}

function encodeRows(layout: Layout, columns: readonly EncodeColumn[], rows: readonly RawRow[]): EncodedRows {
  const block = new Block(layout, rows.length);
  block.rows = rows.length;
  const batch = { rows, block, values: new Map() };
  const bad = new Map<number, BadCell>();
  for (const { feature, encode } of columns)
    encode(batch, (row, code) => {
      if (!bad.has(row)) bad.set(row, { row, feature, reason: refusalText(code) });
    });
  return { ...block.columnSet(), bad: [...bad.values()].sort((a, b) => a.row - b.row) };
}

function featureColumns(fitted: FittedFeatures, layout: Layout): EncodeColumn[] {
  const vocabularies = vocabularyCache(fitted);
  const read = inputNames(fitted);
  return evaluationOrder(fitted).map((i) => {
    const feature = fitted.features[i];
    const write = compileCell(feature, layout, vocabularies);
    const valuesOf = columnValues(feature, fitted);
    return {
      feature: feature.name,
      encode: (batch, refuse) => {
        const values = valuesOf(batch);
        values.forEach((value, row) => {
          const refusal = write(value, row, batch.block);
          if (refusal !== 0) refuse(row, refusal);
        });
        if (read.has(feature.name))
          batch.values.set(feature.name, featureValues(feature, values, batch.block));
      },
    };
  });
}

/** The raw values of a feature: those of its column, or computed. */
function columnValues(feature: FittedFeature, fitted: FittedFeatures): (batch: Batch) => readonly unknown[] {
  const { derivation } = feature.reading;
  if (!derivation) {
    const read = columnReader(feature);
    return ({ rows }) => rows.map(read);
  }
  const compute = compileDerivation(derivation, fitted.tokenizers);
  return ({ rows, values }) => {
    const inputs = derivation.inputs.map((input) =>
      "feature" in input ? values.get(input.feature)! : rows.map((row) => row[input.column]),
    );
    return compute(inputs, rows.length);
  };
}

function targetEncoders(
  layout: Layout,
  names: readonly string[],
  { labels = "binary", weight }: EncoderOptions,
): EncodeColumn[] {
  const W = layout.denseWidth;
  const encoders = targetColumns(layout, names, labels, weight).map(
    ({ name, column, kind, offset }): EncodeColumn => {
      const write = numberCell(targetFeature(name, column), layout, offset);
      return {
        feature: name,
        encode: ({ rows, block }, refuse) => {
          rows.forEach((raw, row) => {
            const refusal =
              write(raw[column], row, block) || targetRefusal(kind, block.dense[row * W + offset]);
            if (refusal !== 0) refuse(row, refusal);
          });
        },
      };
    },
  );
  if (weight !== undefined) return encoders;
  const offset = targetOffset(layout, weightColumn);
  const encode: EncodeColumn["encode"] = ({ rows, block }) => {
    for (let row = 0; row < rows.length; row++) block.dense[row * W + offset] = 1;
  };
  return [...encoders, { feature: weightColumn, encode }];
}
