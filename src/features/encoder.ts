import type { ColumnSet } from "../columns/columns.js";
import { ownValue } from "../own-value.js";
import { canonicalCross } from "./canonical.js";
import { Refusals } from "./column-encoders.js";
import { type ColumnEncoder, FeatureEncoder, type RawBatch } from "./feature-encoder.js";
import { type FittedFeatures, isHistory, type TextRules } from "./fitted.js";
import type { Input } from "./inputs.js";
import { type ListForm, presentElements } from "./null-values.js";
import { refusalText } from "./refusal.js";
import { type LabelKind, labelNames } from "./targets.js";
import { type TypedForm, typedReader } from "./typed-value.js";
import { asArray, isList, listValue, trimmedText, withDecimalPoint } from "./values.js";

/** Encodes rows of JavaScript objects to columns with the transforms that packing uses. Predictors run this. */

export type RawRow = Readonly<Record<string, unknown>>;

/** What a row has in a column; it may be of a class that computes it, but what every object inherits is no value. */
export const valueIn = (row: RawRow, column: string): unknown =>
  column in Object.prototype ? ownValue(row, column) : row[column];

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

/** The raw values of some rows, by column. */
export interface Cells {
  readonly rows: number;
  /** One value per row. */
  column(name: string): ArrayLike<unknown>;
}

export interface Encoder {
  /** The columns share no memory with earlier results, unless the encoder {@link EncoderOptions.reuses} it. */
  encode(rows: readonly RawRow[]): EncodedRows;
  encodeCells(cells: Cells): EncodedRows;
}

export interface EncoderOptions {
  /** The key of the target, or the keys of several. Without it the result has neither "@label" nor "@weight". */
  readonly label?: string | readonly string[];
  /** The key of the sample weight; without it every weight is 1. */
  readonly weight?: string;
  /** The labels allowed; other rows are bad. Default `binary`. */
  readonly labels?: LabelKind;
  /** Each result is valid until the next one, which takes its memory. */
  readonly reuses?: boolean;
}

/** Compiles the transforms of all features. */
export function createEncoder(fitted: FittedFeatures, options: EncoderOptions = {}): Encoder {
  const labels = labelNames(options.label ?? []);
  const { labels: kind = "binary", weight, reuses = false } = options;
  const encoder = new FeatureEncoder(fitted, labels.length > 0 ? { labels, kind, weight } : undefined);
  const read = cellReader(fitted);
  let [refusals, block] = [new Refusals(0), encoder.newBlock(0)];
  const encodeCells = (cells: Cells): EncodedRows => {
    if (refusals.capacity < cells.rows) refusals = new Refusals(cells.rows);
    if (!reuses || block.capacity < cells.rows) block = encoder.newBlock(cells.rows);
    encoder.encode(batchOf(cells, encoder.encoders, read), block, refusals);
    return { ...block.columnSet(), bad: badCells(cells.rows, encoder.encoders, refusals) };
  };
  return { encode: (rows) => encodeCells(cellsOfRows(rows)), encodeCells };
}

function cellsOfRows(rows: readonly RawRow[]): Cells {
  return { rows: rows.length, column: (name) => rows.map((row) => valueIn(row, name)) };
}

/** {@link createEncoder} for a single use. */
export function packRows(
  fitted: FittedFeatures,
  rows: readonly RawRow[],
  options: EncoderOptions = {},
): EncodedRows {
  return createEncoder(fitted, options).encode(rows);
}

/** What a value of a column is, by the rules of the training data. */
export type CellReader = (value: unknown, column: string, form: CellForm) => unknown;

/** `number`: one number; `list`: a list, or a text with several elements. */
type CellForm = { readonly as: TypedForm } | ({ readonly as: "list"; readonly of: TypedForm } & ListForm);

/** Undefined if values mean what they are. */
export function cellReader(rules: TextRules): CellReader | undefined {
  const cell = inTurn([rules.trim && trimmedCell, presentCell(rules), withTypes(rules)]);
  return inTurn([cell && withHistories(cell, rules), withElements(rules)]);
}

function inTurn(all: readonly (CellReader | undefined)[]): CellReader | undefined {
  const readers = all.filter((reader) => reader !== undefined);
  if (readers.length === 0) return undefined;
  return (value, column, form) => readers.reduce((each, read) => read(each, column, form), value);
}

/** The entries of a history are cells of events. */
function withHistories(read: CellReader, rules: TextRules): CellReader {
  const isOfHistory = isHistory(rules);
  return (value, column, form) => {
    if (form.as !== "list" || !isOfHistory(column)) return read(value, column, form);
    const entries = listValue(value, form.separator ?? ",");
    return entries && Array.from(entries, (entry) => read(entry, column, { as: form.of }));
  };
}

/** A text without white space around it; missing if nothing is left. */
function trimmedCell(value: unknown): unknown {
  return typeof value === "string" ? trimmedText(value) || null : value;
}

/** Texts that mean missing are so as a whole … */
function presentCell({ nullValues = [] }: TextRules): CellReader | undefined {
  if (nullValues.length === 0) return undefined;
  const nulls = new Set<unknown>(nullValues);
  return (value) => (nulls.has(value) ? null : value);
}

/** … and as elements of lists; entries of histories are such wholes. */
function withElements(rules: TextRules): CellReader | undefined {
  const { nullValues = [] } = rules;
  if (nullValues.length === 0) return undefined;
  const nulls = new Set<unknown>(nullValues);
  const isOfHistory = isHistory(rules);
  return (value, column, form) => {
    if (form.as !== "list") return value;
    if (form.weighted || !isOfHistory(column)) return presentElements(value, form, nulls);
    const inner = (entry: unknown) => (isList(entry) ? presentElements(entry, {}, nulls) : entry);
    return isList(value) ? Array.from(value, inner) : value;
  };
}

/** Values of columns with types are those of files. Texts that are read as one number may have a decimal comma. */
function withTypes({ textTypes = {}, decimal }: TextRules): CellReader | undefined {
  const readers = new Map(Object.entries(textTypes).map(([name, type]) => [name, typedReader(type)]));
  if (readers.size === 0 && decimal === undefined) return undefined;
  return (value, column, form) => {
    const read = readers.get(column);
    const isNumber = read !== undefined || form.as === "number";
    const pointed = isNumber && decimal !== undefined ? withDecimalPoint(value) : value;
    return read ? read(pointed, form.as === "list" ? form.of : form.as) : pointed;
  };
}

function batchOf(cells: Cells, encoders: readonly ColumnEncoder[], read: CellReader | undefined): RawBatch {
  const columnOf = (name: string, form: CellForm): ArrayLike<unknown> => {
    const values = cells.column(name);
    return read ? Array.from(values, (value) => read(value, name, form)) : values;
  };
  return {
    rows: cells.rows,
    column: (encoder) => encoders[encoder].columnOf(rawValues(encoders[encoder], columnOf)),
    inputs: (encoder) =>
      inputColumns(encoders[encoder]).map((input) => asArray(columnOf(input.column, inputForm(input)))),
  };
}

function inputForm({ as, separator }: Input): CellForm {
  if (as === "texts" || as === "lists") return { as: "list", of: "other", separator };
  return { as: as === "text" ? "other" : as };
}

function inputColumns({ feature }: ColumnEncoder) {
  return feature.reading.derivation!.inputs.filter((input) => "column" in input);
}

/** The raw values of a plain feature, one per row. */
function rawValues(
  { feature }: ColumnEncoder,
  columnOf: (name: string, form: CellForm) => ArrayLike<unknown>,
): ArrayLike<unknown> {
  const { columns, as, separator, length, weighted } = feature.reading;
  const of = as === "text" ? "other" : "number";
  const form: CellForm =
    separator === undefined ? { as: of } : { as: "list", of, separator, length, weighted };
  const [first, ...others] = columns.map((name) => columnOf(name, form));
  if (others.length === 0) return first;
  return Array.from(first, (value, row) => canonicalCross([value, ...others.map((column) => column[row])]));
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
