import type { ColumnSet } from "../data/columns.js";
import { type BagBuffer, Block, type Layout, labelColumn, layoutOf, weightColumn } from "./block.js";
import { canonicalCross, canonicalText } from "./canonical.js";
import type { FittedBag, FittedFeature, FittedFeatures, FittedId, FittedNumber } from "./fitted.js";
import { Refusal, type RefusalCode, refusalText } from "./refusal.js";
import {
  compileId,
  compileNumber,
  type IdTransform,
  missingRow,
  type VocabularyCache,
  vocabularyCache,
} from "./transform.js";
import { isList, listValue, numberValue } from "./values.js";

/** Rows of JavaScript objects to columns, with the transforms that packing uses: what a predictor runs. */

export type RawRow = Readonly<Record<string, unknown>>;

/** A cell that its feature refuses. */
export interface BadCell {
  /** Index of the row in the input. */
  readonly row: number;
  /** The feature, or "@label" or "@weight". */
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
  /** The key of the target; without it the result has neither "@label" nor "@weight". */
  readonly label?: string;
  /** The key of the sample weight; without it every weight is 1. */
  readonly weight?: string;
}

/** Compiles the transforms of all features once. */
export function createEncoder(fitted: FittedFeatures, options: EncoderOptions = {}): Encoder {
  const layout = layoutOf(fitted, options.label !== undefined);
  const vocabularies = vocabularyCache(fitted);
  const cells = fitted.features.map((feature) => ({
    feature: feature.name,
    write: compileCell(feature, layout, vocabularies),
  }));
  if (options.label !== undefined) cells.push(...targetCells(layout, options.label, options.weight));
  return { encode: (rows) => encodeRows(layout, cells, rows) };
}

/** {@link createEncoder} for one use. */
export function packRows(
  fitted: FittedFeatures,
  rows: readonly RawRow[],
  options: EncoderOptions = {},
): EncodedRows {
  return createEncoder(fitted, options).encode(rows);
}

/** Writes one feature of one row into the block; 0, or why the row is refused. */
type WriteCell = (raw: RawRow, row: number, block: Block) => 0 | RefusalCode;

function encodeRows(
  layout: Layout,
  cells: readonly { feature: string; write: WriteCell }[],
  rows: readonly RawRow[],
): EncodedRows {
  const block = new Block(layout, rows.length);
  block.rows = rows.length;
  const bad: BadCell[] = [];
  rows.forEach((raw, row) => {
    let refused = false;
    for (const { feature, write } of cells) {
      const refusal = write(raw, row, block);
      if (refusal === 0 || refused) continue;
      refused = true;
      bad.push({ row, feature, reason: refusalText(refusal) });
    }
  });
  return { ...block.columnSet(), bad };
}

function compileCell(feature: FittedFeature, layout: Layout, vocabularies: VocabularyCache): WriteCell {
  switch (feature.type) {
    case "id":
      return idCell(feature, layout, vocabularies);
    case "bag":
      return bagCell(feature, layout, vocabularies);
    case "f32":
      return numberCell(feature, layout);
  }
}

function idCell(feature: FittedId, layout: Layout, vocabularies: VocabularyCache): WriteCell {
  const index = layout.ids.indexOf(feature.name);
  const F = layout.ids.length;
  const encode = compileValue(compileId(feature, vocabularies), feature.reading.as === "integer");
  const missing = missingRow(feature);
  const read = columnReader(feature);
  return (raw, row, block) => {
    const id = encode(read(raw)) ?? missing;
    block.ids[row * F + index] = Math.max(id, 0);
    return id < 0 ? (id as RefusalCode) : 0;
  };
}

function columnReader({ reading: { columns } }: FittedId): (raw: RawRow) => unknown {
  const [column] = columns;
  if (columns.length === 1) return (raw) => raw[column];
  return (raw) => {
    const parts = columns.map((name) => raw[name]);
    const text = canonicalCross(parts);
    // A part that cannot be an id: the array cannot be one either, and is refused as such.
    return text === null ? parts : text;
  };
}

function bagCell(feature: FittedBag, layout: Layout, vocabularies: VocabularyCache): WriteCell {
  const index = layout.bags.indexOf(feature.name);
  const encode = compileValue(compileId(feature, vocabularies), feature.reading.as === "integer");
  const longest = feature.maxLength ?? Number.POSITIVE_INFINITY;
  const separator = feature.reading.separator ?? ",";
  const [column] = feature.reading.columns;
  return (raw, row, block) => {
    const bag = block.bags[index];
    const list = listValue(raw[column], separator);
    const refusal = list ? pushIds(bag, list, encode, longest) : 0;
    bag.ends[row] = bag.length;
    if (refusal !== 0) return refusal;
    return feature.missing === "refuse" && list === undefined ? Refusal.missing : 0;
  };
}

function pushIds(
  bag: BagBuffer,
  list: ArrayLike<unknown>,
  encode: (value: unknown) => number | undefined,
  longest: number,
): 0 | RefusalCode {
  const start = bag.length;
  for (let i = 0; i < list.length && bag.length - start < longest; i++) {
    const id = encode(list[i]);
    if (id === undefined) continue;
    if (id < 0) return id as RefusalCode;
    bag.push(id);
  }
  return 0;
}

function numberCell(feature: FittedNumber, layout: Layout): WriteCell {
  const { encode, missing } = compileNumber(feature);
  const { offset, width } = layout.dense.find(({ name }) => name === feature.name)!;
  const W = layout.denseWidth;
  const [column] = feature.reading.columns;
  const writeOne = (value: unknown, at: number, block: Block): 0 | RefusalCode => {
    const number = numberValue(value);
    const result = number === undefined ? missing : encode(number);
    if (!Number.isNaN(result)) {
      block.dense[at] = result;
      return 0;
    }
    return number === undefined ? Refusal.missing : Refusal.notFinite;
  };
  if (width === 1) return (raw, row, block) => writeOne(raw[column], row * W + offset, block);
  return (raw, row, block) => {
    const list = raw[column] ?? new Array(width);
    if (!isList(list)) return Refusal.wrongType;
    if (list.length !== width) return Refusal.wrongLength;
    for (let i = 0; i < width; i++) {
      const refusal = writeOne(list[i], row * W + offset + i, block);
      if (refusal !== 0) return refusal;
    }
    return 0;
  };
}

function targetCells(layout: Layout, label: string, weight: string | undefined) {
  const target = (name: string, column: string) => numberCell(targetFeature(name, column), layout);
  const cells = [{ feature: labelColumn, write: target(labelColumn, label) }];
  const { offset } = layout.dense.find(({ name }) => name === weightColumn)!;
  const at = (row: number) => row * layout.denseWidth + offset;
  if (weight === undefined) {
    const write: WriteCell = (_, row, block) => {
      block.dense[at(row)] = 1;
      return 0;
    };
    return [...cells, { feature: weightColumn, write }];
  }
  const read = target(weightColumn, weight);
  const write: WriteCell = (raw, row, block) =>
    read(raw, row, block) || (block.dense[at(row)] < 0 ? Refusal.negative : 0);
  return [...cells, { feature: weightColumn, write }];
}

/** A label or a weight as a feature: a finite number, never imputed. */
export function targetFeature(name: string, column: string): FittedNumber {
  return {
    type: "f32",
    name,
    reading: { columns: [column], as: "number" },
    width: 1,
    transform: { kind: "identity" },
    missing: null,
    nonFinite: "refuse",
  };
}

/** An id transform on JavaScript values: `undefined` for a missing one. */
function compileValue(transform: IdTransform, nanIsMissing: boolean): (value: unknown) => number | undefined {
  if (transform.reads === "number")
    return (value) => {
      const number = numberValue(value);
      if (number === undefined || (nanIsMissing && Number.isNaN(value))) return undefined;
      return transform.encode(number);
    };
  return (value) => {
    const text = canonicalText(value);
    if (text === undefined) return undefined;
    if (text === null) return Refusal.wrongType;
    const length = writeUtf8(text);
    return transform.encode(scratch, 0, length);
  };
}

let scratch = Buffer.allocUnsafe(1024);

/** UTF-8 of a text into the scratch buffer; its length in bytes. */
function writeUtf8(text: string): number {
  if (text.length * 3 > scratch.length) scratch = Buffer.allocUnsafe(text.length * 6);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return scratch.write(text, "utf8");
    scratch[i] = unit;
  }
  return text.length;
}
