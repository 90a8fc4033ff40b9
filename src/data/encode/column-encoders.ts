import type { BagBuffer, Block, Layout } from "../../features/block.js";
import type { FittedBag, FittedFeature, FittedId, FittedNumber } from "../../features/fitted.js";
import { Refusal, type RefusalCode } from "../../features/refusal.js";
import { type TargetColumn, targetRefusal } from "../../features/targets.js";
import { compileId, compileNumber, missingRow, type VocabularyCache } from "../../features/transform.js";
import type { ListVector, NumberVector, TextVector } from "../source/vectors.js";
import type { ColumnKernels, Target } from "./column-kernels.js";

/** A column of a DuckDB chunk to ids or numbers in a block, all rows at a time. */

export type AnyVector = NumberVector | TextVector | ListVector;

/** The vectors of the feature's wires: one, or of a weighted bag its ids and their weights. */
export type EncodeVectors = (
  vectors: readonly AnyVector[],
  rows: number,
  block: Block,
  refusals: Refusals,
) => void;

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

/** Where a feature's results go, and what transforms its column. */
export interface EncoderPlace {
  /** The index by which refusals are marked. */
  readonly encoder: number;
  readonly layout: Layout;
  readonly kernels: ColumnKernels;
}

/** The encoder of a feature that reads its column as it is. */
export function compileColumn(
  feature: FittedFeature,
  vocabularies: VocabularyCache,
  place: EncoderPlace,
): EncodeVectors {
  switch (feature.type) {
    case "id":
      return encodeIds(feature, vocabularies, place);
    case "bag":
      return encodeBags(feature, vocabularies, place);
    case "f32":
      return feature.width === 1 ? encodeNumbers(feature, place) : encodeLists(feature, place);
  }
}

/** The ids of a vector or refusals, `missing` where an element is missing; returns how many are negative. */
type IdsOf = (vector: NumberVector | TextVector, missing: number, ids: Target<Int32Array>) => number;

function compileIds(
  feature: FittedId | FittedBag,
  vocabularies: VocabularyCache,
  kernels: ColumnKernels,
): IdsOf {
  const transform = compileId(feature, vocabularies);
  if (transform.reads === "text")
    return (vector, missing, ids) => kernels.texts(vector as TextVector, transform, missing, ids);
  return (vector, missing, { data, offset, stride }) => {
    const { values } = vector as NumberVector;
    let negative = 0;
    for (let r = 0; r < vector.rows; r++) {
      const id = vector.isNull(r) ? missing : transform.encode(values[r]);
      data[offset + r * stride] = id;
      if (id < 0) negative++;
    }
    return negative;
  };
}

function encodeIds(
  feature: FittedId,
  vocabularies: VocabularyCache,
  { encoder, layout, kernels }: EncoderPlace,
): EncodeVectors {
  const F = layout.ids.length;
  const offset = layout.ids.indexOf(feature.name);
  const idsOf = compileIds(feature, vocabularies, kernels);
  const missing = missingRow(feature);
  return ([vector], rows, { ids }, refusals) => {
    const refused = idsOf(vector as TextVector, missing, { data: ids, offset, stride: F });
    if (refused === 0) return;
    for (let r = 0; r < rows; r++) {
      const id = ids[r * F + offset];
      if (id < 0) refusals.mark(r, encoder, id);
    }
  };
}

/** In the place of an element's id where the element is missing. */
const noId = -128;

function encodeBags(
  feature: FittedBag,
  vocabularies: VocabularyCache,
  { encoder, layout, kernels }: EncoderPlace,
): EncodeVectors {
  const index = layout.bags.indexOf(feature.name);
  const idsOf = compileIds(feature, vocabularies, kernels);
  const longest = feature.maxLength ?? Number.POSITIVE_INFINITY;
  let elements = new Int32Array(0);
  return (vectors, rows, { bags }, refusals) => {
    const [lists, weightLists] = vectors as ListVector[];
    const bag = bags[index];
    if (elements.length < lists.child.rows) elements = new Int32Array(lists.child.rows);
    idsOf(lists.child, noId, { data: elements, offset: 0, stride: 1 });
    const weights = (weightLists?.child as NumberVector | undefined)?.values;
    for (let r = 0; r < rows; r++) {
      const weightsOfRow = weights?.subarray(weightLists.starts[r], weightLists.ends[r]);
      const refusal = lists.isNull(r)
        ? feature.missing === "refuse" && Refusal.missing
        : pushIds(bag, elements.subarray(lists.starts[r], lists.ends[r]), weightsOfRow, longest);
      if (refusal) refusals.mark(r, encoder, refusal);
      if (typeof feature.missing === "number" && bag.length === bag.startOf(r)) bag.push(feature.missing);
      bag.ends[r] = bag.length;
    }
  };
}

function pushIds(
  bag: BagBuffer,
  ids: Int32Array,
  weights: Float64Array | undefined,
  longest: number,
): number {
  const start = bag.length;
  for (let i = 0; i < ids.length && bag.length - start < longest; i++) {
    const id = ids[i];
    if (id === noId) continue;
    if (id < 0) return id;
    const weight = weights ? Math.fround(weights[i]) : 1;
    if (!Number.isFinite(weight)) return Refusal.badWeight;
    bag.push(id, weight);
  }
  return 0;
}

function denseOffset(layout: Layout, name: string): number {
  return layout.dense.find((range) => range.name === name)!.offset;
}

function encodeNumbers(
  feature: FittedNumber,
  { encoder, layout, kernels }: EncoderPlace,
  offset = denseOffset(layout, feature.name),
): EncodeVectors {
  const transform = compileNumber(feature);
  const W = layout.denseWidth;
  return ([vector], rows, { dense }, refusals) => {
    const numbers = vector as NumberVector;
    if (kernels.numbers(numbers, transform, { data: dense, offset, stride: W }) === 0) return;
    for (let r = 0; r < rows; r++)
      if (Number.isNaN(dense[r * W + offset])) refusals.mark(r, encoder, refusalOf(numbers, r));
  };
}

function refusalOf(vector: NumberVector, row: number): RefusalCode {
  return vector.isNull(row) ? Refusal.missing : Refusal.notFinite;
}

/** A label or a weight. */
export function encodeTargets(
  feature: FittedNumber,
  { kind, offset }: TargetColumn,
  place: EncoderPlace,
): EncodeVectors {
  const { encoder, layout } = place;
  const encode = encodeNumbers(feature, place, offset);
  return (vectors, rows, block, refusals) => {
    encode(vectors, rows, block, refusals);
    for (let r = 0; r < rows; r++) {
      const refusal = targetRefusal(kind, block.dense[r * layout.denseWidth + offset]);
      if (refusal !== 0) refusals.mark(r, encoder, refusal);
    }
  };
}

function encodeLists(feature: FittedNumber, { encoder, layout, kernels }: EncoderPlace): EncodeVectors {
  const transform = compileNumber(feature);
  const { width } = feature;
  const W = layout.denseWidth;
  const offset = denseOffset(layout, feature.name);
  let elements = new Float32Array(0);
  return ([vector], rows, { dense }, refusals) => {
    const lists = vector as ListVector;
    const child = lists.child as NumberVector;
    if (elements.length < child.rows) elements = new Float32Array(child.rows);
    kernels.numbers(child, transform, { data: elements, offset: 0, stride: 1 });
    for (let r = 0; r < rows; r++) {
      const absent = lists.isNull(r);
      const start = lists.starts[r];
      if (!absent && lists.ends[r] - start !== width) refusals.mark(r, encoder, Refusal.wrongLength);
      else
        for (let i = 0; i < width; i++) {
          const result = absent ? transform.missing : elements[start + i];
          dense[r * W + offset + i] = result;
          if (Number.isNaN(result))
            refusals.mark(r, encoder, absent ? Refusal.missing : refusalOf(child, start + i));
        }
    }
  };
}
