import { ABSENCE_CODES, type Absences } from "./absences.js";
import { type BagBuffer, type Block, type Layout, locateIds } from "./block.js";
import type { EntryNumber, FittedBag, FittedFeature, FittedId, FittedKey, FittedNumber } from "./fitted.js";
import { codeAt, type IdTarget, idAt, newTarget, setId } from "./id-target.js";
import type { RawColumn, RawLists, RawValues } from "./raw-column.js";
import { Refusal, type RefusalCode } from "./refusal.js";
import { type TargetColumn, targetRefusal } from "./targets.js";
import { compileId, compileNumber, idOf, missingId, type VocabularyCache } from "./transform.js";
import { numberValue } from "./values.js";

/** Encodes one column of raw values, all rows of a batch at once, to ids or numbers in a block. */

export type EncodeColumn = (column: RawColumn, rows: number, block: Block, refusals: Refusals) => void;

/** Records which rows are refused and why; the first refusal of a row wins. */
export class Refusals {
  /** Number of refused rows. */
  count = 0;
  /** Index of the running encoder. */
  encoder = 0;
  /** Per row: 0, or the refusing encoder's index + 1. */
  private readonly by: Int32Array;
  private readonly codes: Int8Array;

  constructor(readonly capacity: number) {
    this.by = new Int32Array(capacity);
    this.codes = new Int8Array(capacity);
  }

  clear(): void {
    if (this.count > 0) this.by.fill(0);
    this.count = 0;
  }

  mark(row: number, code: number): void {
    if (this.by[row] !== 0) return;
    this.count++;
    this.by[row] = this.encoder + 1;
    this.codes[row] = code;
  }

  has(row: number): boolean {
    return this.by[row] !== 0;
  }

  /** The encoder that refused the row. */
  of(row: number): { readonly encoder: number; readonly code: RefusalCode } {
    return { encoder: this.by[row] - 1, code: this.codes[row] as RefusalCode };
  }
}

export function compileColumn(
  feature: FittedFeature,
  layout: Layout,
  vocabularies: VocabularyCache,
): EncodeColumn {
  switch (feature.kind) {
    case "id":
      return encodeIds(feature, layout, vocabularies);
    case "ids":
      return feature.sequence
        ? encodeSequences(feature, feature.sequence, layout, vocabularies)
        : encodeBags(feature, layout, vocabularies);
    case "number":
      return feature.width === 1 ? encodeNumbers(feature, layout) : encodeVectors(feature, layout);
  }
}

/** Stands for the id of a missing value. */
const NO_ID = -128;

function encodeIds(feature: FittedId, layout: Layout, vocabularies: VocabularyCache): EncodeColumn {
  const transform = compileId(feature, vocabularies);
  const missing = missingId(feature);
  const unknown = unknownRow(feature);
  const idsOf = locateIds(layout, feature.name);
  return (column, rows, block, refusals) => {
    const ids = idsOf(block);
    const without = (column as RawValues).ids(transform, NO_ID, ids);
    if (without === 0 && unknown === null) return;
    const absences = block.absences.of(feature.name);
    for (let r = 0; r < rows; r++) {
      const code = codeAt(ids, r);
      if (code === 0) {
        if (unknown !== null && Number(idAt(ids, r)) === unknown) absences[r] = ABSENCE_CODES.unknown;
        continue;
      }
      if (code === NO_ID) {
        absences[r] = ABSENCE_CODES.missing;
        setId(ids, r, missing);
      }
      const refusal = codeAt(ids, r);
      if (refusal === 0) continue;
      refusals.mark(r, refusal);
      setId(ids, r, 0);
    }
  };
}

/** The row of the values that have no row of their own; null if there is none. */
function unknownRow({ mapping }: FittedId | FittedBag): number | null {
  if (mapping.kind === "vocabulary") return mapping.unknownRow;
  return mapping.kind === "integer" ? mapping.outOfRangeRow : null;
}

function encodeBags(feature: FittedBag, layout: Layout, vocabularies: VocabularyCache): EncodeColumn {
  const index = layout.bags.indexOf(feature.name);
  const { missing, maxLength = Number.POSITIVE_INFINITY, within } = feature;
  const wide = layout.wideBags.includes(feature.name);
  const ofBag = (id: number | bigint) => (wide ? BigInt(id) : id);
  const standIn = typeof missing === "string" ? undefined : ofBag(idOf(missing));
  const idsOf = elementIds(feature, wide, vocabularies);
  const unknownId = unknownRow(feature);
  const unknown = unknownId === null ? null : ofBag(unknownId);
  return (column, rows, { bags, absences, sequences }, refusals) => {
    const lists = column as RawLists;
    const bag = bags[index];
    bag.reserve(lists.elements.rows);
    const ids = idsOf(lists);
    for (let r = 0; r < rows; r++) {
      const absence = lists.absence(r);
      const refusal = absence === 0 ? pushIds(bag, lists, r, ids, maxLength) : absence;
      if (refusal !== 0 && (refusal !== Refusal.missing || missing === "refuse")) refusals.mark(r, refusal);
      const start = bag.startOf(r);
      if (bag.length === start) absences.mark(feature.name, r, "missing");
      if (unknown !== null && bag.values.subarray(start, bag.length).includes(unknown as never))
        absences.mark(feature.name, r, "unknown");
      if (standIn !== undefined && bag.length === start) bag.push(standIn);
      if (within) {
        if (!sequences.agrees(within.sequence, r, lists.entries!(r))) refusals.mark(r, Refusal.misaligned);
        sequences.cut(feature.name, r, lists.cut!(r));
      }
      bag.ends[r] = bag.length;
    }
  };
}

/** Reads the ids of all elements of a batch of lists. They are valid until the next batch, which takes their memory. */
function elementIds(
  feature: FittedBag,
  wide: boolean,
  vocabularies: VocabularyCache,
): (lists: RawLists) => IdTarget {
  const transform = compileId(feature, vocabularies);
  let ids = newTarget(0, wide);
  return ({ elements }) => {
    if (ids.data.length < elements.rows) ids = newTarget(elements.rows, wide);
    elements.ids(transform, NO_ID, ids);
    return ids;
  };
}

function pushIds(bag: BagBuffer, lists: RawLists, row: number, ids: IdTarget, longest: number): number {
  const begin = bag.length;
  const start = lists.startOf(row);
  const end = lists.endOf(row);
  for (let i = start; i < end && bag.length - begin < longest; i++) {
    const code = codeAt(ids, i);
    if (code === NO_ID) continue;
    if (code < 0) return code;
    const weight = lists.weightOf ? Math.fround(lists.weightOf(row, i - start)) : 1;
    if (!Number.isFinite(weight)) return Refusal.badWeight;
    bag.push(idAt(ids, i), weight);
  }
  return 0;
}

/** Adds an element of a batch of lists to a bag, for the row; returns why it refuses the row, or 0. */
type PushEntry = (element: number, row: number) => number;
/** Reads all elements of a batch of lists. */
type ReadEntries = (lists: RawLists, bag: BagBuffer, absences: Absences) => PushEntry;

/** Encodes a column of a sequence: each entry that is kept has an id, or a number. */
function encodeSequences(
  feature: FittedBag,
  { name, missingEntry, number }: NonNullable<FittedBag["sequence"]>,
  layout: Layout,
  vocabularies: VocabularyCache,
): EncodeColumn {
  const index = layout.bags.indexOf(feature.name);
  const { maxLength = Number.POSITIVE_INFINITY } = feature;
  const read = number ? entryNumbers(number) : entryIds(feature, missingEntry, layout, vocabularies);
  return (column, rows, { bags, absences, sequences }, refusals) => {
    const lists = column as RawLists;
    const bag = bags[index];
    bag.reserve(lists.elements.rows);
    const push = read(lists, bag, absences);
    for (let r = 0; r < rows; r++) {
      const absence = lists.absence(r);
      const [start, end] = absence === 0 ? [lists.startOf(r), lists.endOf(r)] : [0, 0];
      const first = Math.max(start, end - maxLength);
      if (absence !== 0 && absence !== Refusal.missing) refusals.mark(r, absence);
      if (!sequences.agrees(name, r, end - start)) refusals.mark(r, Refusal.misaligned);
      sequences.cut(feature.name, r, first - start + (lists.cut?.(r) ?? 0));
      if (start === end) absences.mark(feature.name, r, "missing");
      for (let i = first; i < end; i++) {
        const code = push(i, r);
        if (code < 0) refusals.mark(r, code);
      }
      bag.ends[r] = bag.length;
    }
  };
}

function entryIds(
  feature: FittedBag,
  missingEntry: number | FittedKey,
  layout: Layout,
  vocabularies: VocabularyCache,
): ReadEntries {
  const wide = layout.wideBags.includes(feature.name);
  const missing = wide ? BigInt(idOf(missingEntry)) : idOf(missingEntry);
  const unknown = unknownRow(feature);
  const idsOf = elementIds(feature, wide, vocabularies);
  return (lists, bag, absences) => {
    const ids = idsOf(lists);
    return (element, row) => {
      const code = codeAt(ids, element);
      bag.push(code === NO_ID ? missing : idAt(ids, element));
      if (code !== NO_ID && Number(idAt(ids, element)) === unknown)
        absences.mark(feature.name, row, "unknown");
      return code === NO_ID ? 0 : code;
    };
  };
}

function entryNumbers(number: EntryNumber): ReadEntries {
  const transform = compileNumber(number);
  let numbers = new Float32Array(0);
  return ({ elements }, bag) => {
    if (numbers.length < elements.rows) numbers = new Float32Array(elements.rows);
    elements.numbers(transform, { data: numbers, offset: 0, stride: 1 });
    return (element) => {
      const isNumber = !Number.isNaN(numbers[element]);
      bag.push(0, isNumber ? numbers[element] : 0);
      return isNumber ? 0 : numberRefusal(elements, element);
    };
  };
}

function numbersOffset(layout: Layout, name: string): number {
  return layout.numbers.find((range) => range.name === name)!.offset;
}

function encodeNumbers(
  feature: FittedNumber,
  layout: Layout,
  offset = numbersOffset(layout, feature.name),
): EncodeColumn {
  const transform = compileNumber(feature);
  const stride = layout.numbersWidth;
  return (column, rows, { numbers, absences }, refusals) => {
    const raw = column as RawValues;
    const refused = raw.numbers(transform, { data: numbers, offset, stride });
    const absent = absences.of(feature.name);
    for (let r = 0; r < rows; r++) if (raw.isMissing(r)) absent[r] = ABSENCE_CODES.missing;
    if (refused === 0) return;
    for (let r = 0; r < rows; r++) {
      const at = r * stride + offset;
      if (!Number.isNaN(numbers[at])) continue;
      refusals.mark(r, numberRefusal(raw, r));
      numbers[at] = 0;
    }
  };
}

function numberRefusal(numbers: RawValues, row: number): RefusalCode {
  return numbers.isMissing(row) ? Refusal.missing : Refusal.notFinite;
}

/** Encodes a label or a weight. */
export function encodeTargets(
  feature: FittedNumber,
  { kind, offset }: TargetColumn,
  layout: Layout,
): EncodeColumn {
  const encode = encodeNumbers(feature, layout, offset);
  return (column, rows, block, refusals) => {
    encode(column, rows, block, refusals);
    // Not the packed numbers: as a 32-bit float, 1.00000001 is 1.
    const exact = column.values();
    for (let r = 0; r < rows; r++) {
      const refusal = targetRefusal(kind, numberValue(exact[r]) ?? Number.NaN);
      if (refusal !== 0) refusals.mark(r, refusal);
    }
  };
}

/** Encodes several numbers per row. */
function encodeVectors(feature: FittedNumber, layout: Layout): EncodeColumn {
  const transform = compileNumber(feature);
  const { width } = feature;
  const missing = feature.missingVector?.map(transform.encode) ?? Array(width).fill(transform.missing);
  const offset = numbersOffset(layout, feature.name);
  let elements = new Float32Array(0);
  return (column, rows, { numbers, absences }, refusals) => {
    const lists = column as RawLists;
    if (elements.length < lists.elements.rows) elements = new Float32Array(lists.elements.rows);
    lists.elements.numbers(transform, { data: elements, offset: 0, stride: 1 });
    for (let r = 0; r < rows; r++) {
      const absence = lists.absence(r);
      const start = lists.startOf(r);
      const fault = absence === 0 && lists.endOf(r) - start !== width ? Refusal.wrongLength : absence;
      if (fault === Refusal.missing) absences.mark(feature.name, r, "missing");
      if (fault !== 0 && fault !== Refusal.missing) refusals.mark(r, fault);
      else
        for (let i = 0; i < width; i++) {
          const result = fault === 0 ? elements[start + i] : missing[i];
          numbers[r * layout.numbersWidth + offset + i] = result;
          if (Number.isNaN(result)) refusals.mark(r, fault || numberRefusal(lists.elements, start + i));
        }
    }
  };
}
