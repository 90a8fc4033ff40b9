import type { BagBuffer, Block, Layout } from "./block.js";
import { canonicalCross, canonicalText } from "./canonical.js";
import type { FittedBag, FittedFeature, FittedId, FittedNumber } from "./fitted.js";
import { Refused } from "./inputs.js";
import { Refusal, type RefusalCode } from "./refusal.js";
import { compileId, compileNumber, type IdTransform, missingRow, type VocabularyCache } from "./transform.js";
import { isList, listValue, numberValue, vectorValue } from "./values.js";
import { type WeightedId, weightedIds } from "./weighted.js";

/** Raw values of JavaScript to ids and numbers in a block, a feature and a row at a time. */

/** Writes the value of one feature of one row into the block; 0, or why the row is refused. */
export type WriteCell = (value: unknown, row: number, block: Block) => 0 | RefusalCode;

/** A computed value may be a refusal itself. */
export function compileCell(
  feature: FittedFeature,
  layout: Layout,
  vocabularies: VocabularyCache,
): WriteCell {
  const write = cellOf(feature, layout, vocabularies);
  if (!feature.reading.derivation) return write;
  return (value, row, block) => {
    if (!(value instanceof Refused)) return write(value, row, block);
    write(undefined, row, block);
    return value.code;
  };
}

/** The raw value of a row that a plain feature reads. */
export function columnReader({
  reading: { columns },
}: FittedFeature): (raw: Readonly<Record<string, unknown>>) => unknown {
  const [column] = columns;
  if (columns.length === 1) return (raw) => raw[column];
  return (raw) => {
    const parts = columns.map((name) => raw[name]);
    const text = canonicalCross(parts);
    // A part that cannot be an id: the array cannot be one either, and is refused as such.
    return text === null ? parts : text;
  };
}

function cellOf(feature: FittedFeature, layout: Layout, vocabularies: VocabularyCache): WriteCell {
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
  return (value, row, block) => {
    const id = encode(value) ?? missing;
    block.ids[row * F + index] = Math.max(id, 0);
    return id < 0 ? (id as RefusalCode) : 0;
  };
}

function bagCell(feature: FittedBag, layout: Layout, vocabularies: VocabularyCache): WriteCell {
  const index = layout.bags.indexOf(feature.name);
  const encode = compileValue(compileId(feature, vocabularies), feature.reading.as === "integer");
  const longest = feature.maxLength ?? Number.POSITIVE_INFINITY;
  const { separator = ",", weighted } = feature.reading;
  const push = (bag: BagBuffer, value: unknown): 0 | RefusalCode | undefined => {
    if (weighted) {
      const list = weightedIds(value, separator);
      return list && pushWeighted(bag, list, encode, longest);
    }
    const list = listValue(value, separator);
    return list && pushIds(bag, list, encode, longest);
  };
  return (value, row, block) => {
    const bag = block.bags[index];
    const refusal = push(bag, value);
    if (typeof feature.missing === "number" && bag.length === bag.startOf(row)) bag.push(feature.missing);
    bag.ends[row] = bag.length;
    if (refusal !== undefined) return refusal;
    return feature.missing === "refuse" ? Refusal.missing : 0;
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

function pushWeighted(
  bag: BagBuffer,
  list: readonly WeightedId[],
  encode: (value: unknown) => number | undefined,
  longest: number,
): 0 | RefusalCode {
  const start = bag.length;
  for (let i = 0; i < list.length && bag.length - start < longest; i++) {
    const id = encode(list[i].id);
    if (id === undefined) continue;
    if (id < 0) return id as RefusalCode;
    const weight = Math.fround(numberValue(list[i].weight) ?? Number.NaN);
    if (!Number.isFinite(weight)) return Refusal.badWeight;
    bag.push(id, weight);
  }
  return 0;
}

/** @param at the first column of the dense matrix that the feature is written to; default its own in the layout */
export function numberCell(feature: FittedNumber, layout: Layout, at?: number): WriteCell {
  const { encode, missing } = compileNumber(feature);
  const { width } = feature;
  const offset = at ?? layout.dense.find(({ name }) => name === feature.name)!.offset;
  const W = layout.denseWidth;
  const writeOne = (value: unknown, at: number, block: Block): 0 | RefusalCode => {
    const number = numberValue(value);
    const result = number === undefined ? missing : encode(number);
    if (!Number.isNaN(result)) {
      block.dense[at] = result;
      return 0;
    }
    return number === undefined ? Refusal.missing : Refusal.notFinite;
  };
  if (width === 1) return (value, row, block) => writeOne(value, row * W + offset, block);
  const separator = feature.reading.separator ?? ",";
  return (value, row, block) => {
    const list = vectorValue(value, separator) ?? new Array(width);
    if (!isList(list)) return Refusal.wrongType;
    if (list.length !== width) return Refusal.wrongLength;
    for (let i = 0; i < width; i++) {
      const refusal = writeOne(list[i], row * W + offset + i, block);
      if (refusal !== 0) return refusal;
    }
    return 0;
  };
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
