import type { ColumnSet } from "../columns/columns.js";
import { canonicalCross } from "./canonical.js";
import { Refusals } from "./column-encoders.js";
import { type ColumnEncoder, FeatureEncoder, type RawBatch } from "./feature-encoder.js";
import type { FittedFeatures, TextRules } from "./fitted.js";
import type { Input } from "./inputs.js";
import { type ListForm, presentElements } from "./null-values.js";
import { refusalText } from "./refusal.js";
import { type LabelKind, labelNames } from "./targets.js";
import { typedTextReader } from "./typed-text.js";
import { trimmedText, withDecimalPoint } from "./values.js";

/** Encodes rows of JavaScript objects to columns with the transforms that packing uses. Predictors run this. */

export type RawRow = Readonly<Record<string, unknown>>;

/** A cell that its feature refuses. */
export interface BadCell {
  /** Index of the row in the input. */
  readonly row: number;
  /** The feature, "@label" ("@label.<key>" with several labels), or "@weight". */
  readonly feature: string;
  readonly reason: string;
}

/**
 * Columns with one row per input row. Rows named in `bad` must not be used: their refused cells hold 0. `bad` has at
 * most one entry per row, for its first refusal.
 */
export interface EncodedRows extends ColumnSet {
  readonly bad: readonly BadCell[];
}

export interface Encoder {
  /** The columns share no memory with earlier results. */
  encode(rows: readonly RawRow[]): EncodedRows;
}

export interface EncoderOptions {
  /** The key of the target, or the keys of several. Without it the result has neither "@label" nor "@weight". */
  readonly label?: string | readonly string[];
  /** The key of the sample weight; without it every weight is 1. */
  readonly weight?: string;
  /** The labels allowed; other rows are bad. Default `binary`. */
  readonly labels?: LabelKind;
}

/** Compiles the transforms of all features. */
export function createEncoder(fitted: FittedFeatures, options: EncoderOptions = {}): Encoder {
  const labels = labelNames(options.label ?? []);
  const { labels: kind = "binary", weight } = options;
  const encoder = new FeatureEncoder(fitted, labels.length > 0 ? { labels, kind, weight } : undefined);
  const read = cellReader(fitted);
  let refusals = new Refusals(1);
  return {
    encode: (rows) => {
      if (refusals.capacity < rows.length) refusals = new Refusals(rows.length);
      const block = encoder.newBlock(rows.length);
      encoder.encode(batchOf(rows, encoder.encoders, read), block, refusals);
      return { ...block.columnSet(), bad: badCells(rows.length, encoder.encoders, refusals) };
    },
  };
}

/** {@link createEncoder} for a single use. */
export function packRows(
  fitted: FittedFeatures,
  rows: readonly RawRow[],
  options: EncoderOptions = {},
): EncodedRows {
  return createEncoder(fitted, options).encode(rows);
}

/** Returns the raw value of a column in a row. */
type CellReader = (row: RawRow, column: string, form: CellForm) => unknown;

/** `number`: one number; `list`: a list, or a text with several elements. */
type CellForm = { readonly as: "number" | "other" } | ({ readonly as: "list" } & ListForm);

function cellReader(rules: TextRules): CellReader {
  const raw = rules.trim ? trimmedCell : (row: RawRow, column: string) => row[column];
  const present = presentCell(raw, rules);
  return withPoints(withElements(withTypes(present, rules), rules), rules);
}

/** A text without white space around it; missing if nothing is left. */
function trimmedCell(row: RawRow, column: string): unknown {
  const value = row[column];
  return typeof value === "string" ? trimmedText(value) || null : value;
}

/** Texts that mean missing are so as a whole … */
function presentCell(read: CellReader, { nullValues = [] }: TextRules): CellReader {
  if (nullValues.length === 0) return read;
  const nulls = new Set<unknown>(nullValues);
  return (row, column, form) => {
    const value = read(row, column, form);
    return nulls.has(value) ? null : value;
  };
}

/** … and as elements of lists. */
function withElements(read: CellReader, { nullValues = [] }: TextRules): CellReader {
  if (nullValues.length === 0) return read;
  const nulls = new Set<unknown>(nullValues);
  return (row, column, form) => {
    const value = read(row, column, form);
    return form.as === "list" ? presentElements(value, form, nulls) : value;
  };
}

/** Texts of columns with types have the values that they have in text files; features of numbers parse texts themselves. */
function withTypes(read: CellReader, { textTypes, decimal }: TextRules): CellReader {
  if (textTypes === undefined) return read;
  const readers = new Map(Object.entries(textTypes).map(([name, type]) => [name, typedTextReader(type)]));
  return (row, column, form) => {
    const value = read(row, column, form);
    const readText = readers.get(column);
    if (typeof value !== "string" || readText === undefined || form.as === "number") return value;
    return readText(decimal === undefined ? value : String(withDecimalPoint(value)));
  };
}

function withPoints(read: CellReader, { decimal }: TextRules): CellReader {
  if (decimal === undefined) return read;
  return (row, column, form) => {
    const value = read(row, column, form);
    return form.as === "number" ? withDecimalPoint(value) : value;
  };
}

function batchOf(rows: readonly RawRow[], encoders: readonly ColumnEncoder[], read: CellReader): RawBatch {
  return {
    rows: rows.length,
    column: (encoder) => encoders[encoder].columnOf(rows.map(rowReader(encoders[encoder], read))),
    inputs: (encoder) =>
      inputColumns(encoders[encoder]).map((input) => {
        const form = inputForm(input);
        return rows.map((row) => read(row, input.column, form));
      }),
  };
}

function inputForm({ as, separator }: Input): CellForm {
  if (as === "texts") return { as: "list", separator };
  return { as: as === "number" ? "number" : "other" };
}

function inputColumns({ feature }: ColumnEncoder) {
  return feature.reading.derivation!.inputs.filter((input) => "column" in input);
}

/** Returns a row's raw value for a plain feature. */
function rowReader({ feature }: ColumnEncoder, read: CellReader): (row: RawRow) => unknown {
  const { columns, as, separator, length, weighted } = feature.reading;
  const form: CellForm =
    separator === undefined
      ? { as: as === "text" ? "other" : "number" }
      : { as: "list", separator, length, weighted };
  const [column] = columns;
  if (columns.length === 1) return (row) => read(row, column, form);
  return (row) => canonicalCross(columns.map((name) => read(row, name, form)));
}

function badCells(rows: number, encoders: readonly ColumnEncoder[], refusals: Refusals): BadCell[] {
  const bad: BadCell[] = [];
  if (refusals.count === 0) return bad;
  for (let row = 0; row < rows; row++) {
    if (!refusals.has(row)) continue;
    const { encoder, code } = refusals.of(row);
    bad.push({ row, feature: encoders[encoder].feature.name, reason: refusalText(code) });
  }
  return bad;
}
