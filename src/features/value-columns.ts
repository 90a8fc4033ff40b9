import { canonicalText } from "./canonical.js";
import type { FittedFeature } from "./fitted.js";
import { type IdTarget, type Target, writeIds } from "./id-target.js";
import type { RawColumn, RawLists, RawValues } from "./raw-column.js";
import { Refusal, type RefusalCode } from "./refusal.js";
import type { DenseTransform, IdTransform, NumericTransform, TextTransform } from "./transform.js";
import { UnreadableValue } from "./typed-value.js";
import { asArray, isList, isNaNValue, listValue, numberValue, textsValue, vectorValue } from "./values.js";
import { weightedIds } from "./weighted.js";

/** Reads JavaScript values for a feature, one per row. */
export function compileValues(feature: FittedFeature): (values: ArrayLike<unknown>) => RawColumn {
  const { kind, width, reading } = feature;
  if (kind === "ids" && feature.within) return nestedLists(feature.within, reading.as === "integer");
  const { as, separator = ",", weighted } = reading;
  const nanIsMissing = as === "integer";
  if (weighted) return (values) => weightedLists(asArray(values), separator, nanIsMissing);
  const idsOf = as === "text" ? textsValue : listValue;
  const listOf = kind === "ids" ? idsOf : width > 1 ? vectorValue : undefined;
  if (!listOf) return (values) => new Values(values, nanIsMissing);
  return (given) => {
    const values = asArray(given);
    const lists = values.map((value) => listOf(value, separator));
    return new ValueLists(values, lists, nanIsMissing);
  };
}

/** Numbers may be given as typed arrays. */
class Values implements RawValues {
  constructor(
    private readonly raw: ArrayLike<unknown>,
    private readonly nanIsMissing: boolean,
  ) {}

  get rows(): number {
    return this.raw.length;
  }

  ids(transform: IdTransform, missing: number, results: IdTarget): number {
    const { raw, nanIsMissing } = this;
    const idOf = (value: unknown) =>
      transform.reads === "text" ? textId(value, transform) : numberId(value, transform, nanIsMissing);
    return writeIds(results, raw.length, (row) => idOf(raw[row]) ?? missing);
  }

  numbers({ encode, missing }: DenseTransform, { data, offset, stride }: Target<Float32Array>): number {
    let refused = 0;
    for (let r = 0; r < this.raw.length; r++) {
      const number = numberValue(this.raw[r]);
      const result = number === undefined ? missing : isInexact(this.raw[r]) ? Number.NaN : encode(number);
      data[offset + r * stride] = result;
      if (Number.isNaN(result)) refused++;
    }
    return refused;
  }

  isMissing(row: number): boolean {
    return numberValue(this.raw[row]) === undefined;
  }

  values(): readonly unknown[] {
    return asArray(this.raw);
  }
}

const isInexact = (value: unknown) => value instanceof UnreadableValue && value.isInexact;

class ValueLists implements RawLists {
  readonly elements: RawValues;
  readonly weightOf?: RawLists["weightOf"];
  private readonly ends: number[] = [];

  /**
   * @param lists the list of each value; `undefined` if it is missing, anything else has the wrong type
   * @param weights the weights of all elements
   */
  constructor(
    private readonly raw: readonly unknown[],
    private readonly lists: readonly unknown[],
    nanIsMissing: boolean,
    weights?: readonly number[],
  ) {
    const elements: unknown[] = [];
    for (const list of lists) {
      if (isList(list)) for (let i = 0; i < list.length; i++) elements.push(list[i]);
      this.ends.push(elements.length);
    }
    this.elements = new Values(elements, nanIsMissing);
    if (weights) this.weightOf = (row, i) => weights[this.startOf(row) + i];
  }

  startOf(row: number): number {
    return row === 0 ? 0 : this.ends[row - 1];
  }

  endOf(row: number): number {
    return this.ends[row];
  }

  absence(row: number): 0 | RefusalCode {
    if (isList(this.lists[row])) return 0;
    return this.lists[row] === undefined ? Refusal.missing : Refusal.wrongType;
  }

  values(): readonly unknown[] {
    return this.raw;
  }
}

function weightedLists(raw: readonly unknown[], separator: string, nanIsMissing: boolean): RawLists {
  const lists = raw.map((value) => weightedIds(value, separator));
  const ids = lists.map((list) => list?.map(({ id }) => id));
  const weights = lists.flatMap((list) => list?.map(({ weight }) => numberValue(weight) ?? Number.NaN) ?? []);
  return new ValueLists(raw, ids, nanIsMissing, weights);
}

/** Lists of lists: the ids of the newest `max` inner ones, weighted by the places of these. */
function nestedLists(
  { max = Number.POSITIVE_INFINITY }: { readonly max?: number },
  nanIsMissing: boolean,
): (values: ArrayLike<unknown>) => RawLists {
  return (values) => {
    const raw = asArray(values) as readonly (readonly (readonly string[])[] | undefined)[];
    const kept = raw.map((lists) => lists && (max < lists.length ? lists.slice(-max) : lists));
    const places = kept.flatMap((lists) => lists?.flatMap((list, place) => list.map(() => place)) ?? []);
    const ids = new ValueLists(
      raw,
      kept.map((lists) => lists?.flat()),
      nanIsMissing,
      places,
    );
    const entries = (row: number): number => raw[row]?.length ?? 0;
    return Object.assign(ids, { entries, cut: (row: number) => entries(row) - (kept[row]?.length ?? 0) });
  };
}

/** The id of a numeric value; `undefined` if it is missing. */
function numberId(value: unknown, { encode }: NumericTransform, nanIsMissing: boolean): number | undefined {
  const number = numberValue(value);
  return number === undefined || (nanIsMissing && isNaNValue(value)) ? undefined : encode(number);
}

/** The id of a value's canonical text, or a refusal; `undefined` if it is missing. */
function textId(value: unknown, { encode }: TextTransform): number | bigint | undefined {
  const text = canonicalText(value);
  if (text === undefined) return undefined;
  const length = writeUtf8(text);
  return encode(scratch, 0, length);
}

let scratch = Buffer.allocUnsafe(1024);

/** Writes a text as UTF-8 to the scratch buffer and returns its length in bytes. */
function writeUtf8(text: string): number {
  if (text.length * 3 > scratch.length) scratch = Buffer.allocUnsafe(text.length * 6);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return scratch.write(text, "utf8");
    scratch[i] = unit;
  }
  return text.length;
}
