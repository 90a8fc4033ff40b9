import type { BagBuffer, Block, Layout } from "../features/block.js";
import type { FittedBag, FittedFeature, FittedId, FittedNumber } from "../features/fitted.js";
import { Refusal } from "../features/refusal.js";
import { type LabelKind, targetRefusal } from "../features/targets.js";
import { compileId, compileNumber, missingRow, type VocabularyCache } from "../features/transform.js";
import type { ListVector, NumberVector, TextVector } from "./vectors.js";

/** A column of a DuckDB chunk to ids or numbers in a block, all rows at a time. */

export type AnyVector = NumberVector | TextVector | ListVector;

export type EncodeVector = (vector: AnyVector, rows: number, block: Block, refusals: Refusals) => void;

/** Why rows of a chunk are refused; the first refusal of a row wins. */
export class Refusals {
  /** Per row: 0, or the refusing encoder's index + 1. */
  readonly by: Int32Array;
  readonly codes: Int8Array;

  constructor(capacity: number) {
    this.by = new Int32Array(capacity);
    this.codes = new Int8Array(capacity);
  }

  mark(row: number, encoder: number, code: number): void {
    if (this.by[row] !== 0) return;
    this.by[row] = encoder + 1;
    this.codes[row] = code;
  }
}

/** The encoder of a feature that reads its column as it is. */
export function compileColumn(
  feature: FittedFeature,
  encoder: number,
  layout: Layout,
  vocabularies: VocabularyCache,
): EncodeVector {
  switch (feature.type) {
    case "id":
      return encodeIds(feature, encoder, layout, vocabularies);
    case "bag":
      return encodeBags(feature, encoder, layout, vocabularies);
    case "f32":
      return feature.width === 1
        ? encodeNumbers(feature, encoder, layout)
        : encodeLists(feature, encoder, layout);
  }
}

/** The id of one element of a vector, or a refusal; `noId` where the element is missing. */
type ElementEncoder = (vector: NumberVector | TextVector, row: number) => number;
const noId = -128;

function compileElement(feature: FittedId | FittedBag, vocabularies: VocabularyCache): ElementEncoder {
  const transform = compileId(feature, vocabularies);
  if (transform.reads === "number")
    return (vector, row) =>
      vector.isNull(row) ? noId : transform.encode((vector as NumberVector).values[row]);
  return (vector, row) => {
    const { starts, ends } = vector as TextVector;
    // A missing text is empty too.
    if (starts[row] === ends[row]) return noId;
    return transform.encode((vector as TextVector).bufferOf(row), starts[row], ends[row]);
  };
}

function encodeIds(
  feature: FittedId,
  encoder: number,
  layout: Layout,
  vocabularies: VocabularyCache,
): EncodeVector {
  const F = layout.ids.length;
  const offset = layout.ids.indexOf(feature.name);
  const element = compileElement(feature, vocabularies);
  const missing = missingRow(feature);
  return (vector, rows, { ids }, refusals) => {
    for (let r = 0; r < rows; r++) {
      const read = element(vector as TextVector, r);
      const id = read === noId ? missing : read;
      ids[r * F + offset] = id;
      if (id < 0) refusals.mark(r, encoder, id);
    }
  };
}

function encodeBags(
  feature: FittedBag,
  encoder: number,
  layout: Layout,
  vocabularies: VocabularyCache,
): EncodeVector {
  const index = layout.bags.indexOf(feature.name);
  const element = compileElement(feature, vocabularies);
  const longest = feature.maxLength ?? Number.POSITIVE_INFINITY;
  return (vector, rows, { bags }, refusals) => {
    const lists = vector as ListVector;
    const bag = bags[index];
    for (let r = 0; r < rows; r++) {
      const refusal = lists.isNull(r)
        ? feature.missing === "refuse" && Refusal.missing
        : pushIds(bag, lists, r, element, longest);
      if (refusal) refusals.mark(r, encoder, refusal);
      if (typeof feature.missing === "number" && bag.length === bag.startOf(r)) bag.push(feature.missing);
      bag.ends[r] = bag.length;
    }
  };
}

function pushIds(
  bag: BagBuffer,
  lists: ListVector,
  row: number,
  element: ElementEncoder,
  longest: number,
): number {
  const start = bag.length;
  for (let i = lists.starts[row]; i < lists.ends[row] && bag.length - start < longest; i++) {
    const id = element(lists.child, i);
    if (id === noId) continue;
    if (id < 0) return id;
    bag.push(id);
  }
  return 0;
}

function denseOffset(layout: Layout, name: string): number {
  return layout.dense.find((range) => range.name === name)!.offset;
}

export function encodeNumbers(feature: FittedNumber, encoder: number, layout: Layout): EncodeVector {
  const { encode, missing } = compileNumber(feature);
  const W = layout.denseWidth;
  const offset = denseOffset(layout, feature.name);
  return (vector, rows, { dense }, refusals) => {
    const { values } = vector as NumberVector;
    for (let r = 0; r < rows; r++) {
      const isMissing = vector.isNull(r);
      const result = isMissing ? missing : encode(values[r]);
      dense[r * W + offset] = result;
      if (Number.isNaN(result)) refusals.mark(r, encoder, isMissing ? Refusal.missing : Refusal.notFinite);
    }
  };
}

/** A label or a weight. */
export function encodeTargets(
  feature: FittedNumber,
  kind: LabelKind | "weight",
  encoder: number,
  layout: Layout,
): EncodeVector {
  const encode = encodeNumbers(feature, encoder, layout);
  const offset = denseOffset(layout, feature.name);
  return (vector, rows, block, refusals) => {
    encode(vector, rows, block, refusals);
    for (let r = 0; r < rows; r++) {
      const refusal = targetRefusal(kind, block.dense[r * layout.denseWidth + offset]);
      if (refusal !== 0) refusals.mark(r, encoder, refusal);
    }
  };
}

function encodeLists(feature: FittedNumber, encoder: number, layout: Layout): EncodeVector {
  const { encode, missing } = compileNumber(feature);
  const { width } = feature;
  const W = layout.denseWidth;
  const offset = denseOffset(layout, feature.name);
  return (vector, rows, { dense }, refusals) => {
    const lists = vector as ListVector;
    const child = lists.child as NumberVector;
    for (let r = 0; r < rows; r++) {
      const absent = lists.isNull(r);
      if (!absent && lists.ends[r] - lists.starts[r] !== width)
        refusals.mark(r, encoder, Refusal.wrongLength);
      else
        for (let i = 0; i < width; i++) {
          const isMissing = absent || child.isNull(lists.starts[r] + i);
          const result = isMissing ? missing : encode(child.values[lists.starts[r] + i]);
          dense[r * W + offset + i] = result;
          if (Number.isNaN(result))
            refusals.mark(r, encoder, isMissing ? Refusal.missing : Refusal.notFinite);
        }
    }
  };
}
