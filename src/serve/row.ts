import type { FeatureInput } from "../config/features.js";

/** A value that an id can be read from; `null` is a missing one. */
type Id = string | number | bigint | boolean | Date | null;
type Numbers = readonly (number | null)[] | Float32Array | Float64Array;

type ValueOf<F> = F extends { kind: "number" }
  ? F extends { width: number }
    ? Numbers | number | null
    : number | null
  : F extends { kind: "ids" }
    ? readonly Id[] | Id
    : Id;

type ColumnsOf<F> = F extends { columns: readonly (infer C extends string)[] }
  ? C
  : F extends { column: infer C extends string }
    ? C
    : F extends { name: infer C extends string }
      ? C
      : never;

type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void
  ? I
  : never;

/** The record of one feature's columns; features that read one column must agree on its type. */
type RecordsOf<F> = F extends FeatureInput ? { [C in ColumnsOf<F>]: ValueOf<F> } : never;

/**
 * The rows that a model of this config scores: the columns that its features read, after the `sql` of the source.
 * `RowOf<typeof config>`; a config whose type is not known takes any columns.
 */
export type RowOf<C> = C extends { features: readonly (infer F)[] }
  ? string extends ColumnsOf<F>
    ? Readonly<Record<string, unknown>>
    : { readonly [K in keyof Intersection<RecordsOf<F>>]: Intersection<RecordsOf<F>>[K] }
  : Readonly<Record<string, unknown>>;
