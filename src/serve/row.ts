import type { FeatureInput } from "../features/schema/features.js";

/** A value that can be read as an id; `null` is missing. */
type Id = string | number | bigint | boolean | Date | null;
type Numbers = readonly (number | null)[] | Float32Array | Float64Array;
type Entries = Readonly<Record<string, Id>> | ReadonlyMap<Id, Id>;
/** Texts, ids or entries that are inputs of a computed value. */
type Texts = readonly Id[] | Entries | Id;

type ColumnName<S> = S extends string ? S : S extends { column: infer C extends string } ? C : never;

type PlainColumns<F> = F extends { columns: readonly (infer C extends string)[] }
  ? C
  : F extends { column: infer C extends string }
    ? C
    : F extends { name: infer C extends string }
      ? C
      : never;

type PlainValue<F> = F extends { kind: "number" }
  ? F extends { width: number }
    ? Numbers | number | string | null
    : number | null
  : F extends { kind: "ids"; weighted: true }
    ? readonly (Id | { readonly key: Id; readonly value: number })[] | Entries | Id
    : F extends { kind: "ids" | "sequence" }
      ? readonly Id[] | Id
      : Id;

type SourcesOf<F> = F extends { inputs: readonly (infer S)[] }
  ? S
  : F extends { map: infer M; key: infer K }
    ? M | K
    : F extends { map: infer M; primary: infer P; secondary: infer S }
      ? M | Exclude<P | S, "*">
      : F extends { query: infer Q; title: infer T }
        ? Q | T
        : F extends { query: infer Q; document: infer D }
          ? Q | D
          : F extends { input: infer I; mask: infer M }
            ? I | M
            : F extends { input: infer I }
              ? I
              : never;

type Time = string | number | Date | null;

/** The columns of one feature and their types. */
type RecordOf<F> = F extends { kind: "id" | "ids" | "number" | "sequence" }
  ? { [C in PlainColumns<F>]: PlainValue<F> }
  : F extends { kind: "entryBags" }
    ? { [C in PlainColumns<F>]: readonly (readonly Id[] | Id)[] | string | null }
    : F extends { kind: "joined"; columns: readonly (infer C extends string)[] }
      ? { [K in C]: readonly Id[] | string | null }
      : F extends { kind: "ages"; column: infer C extends string; time: infer T extends string }
        ? { [K in C]: readonly Time[] | string | null } & { [K in T]: Time }
        : F extends { kind: "datePart"; input: infer I }
          ? { [C in ColumnName<I>]: Time }
          : F extends { kind: "targetMean"; columns: readonly (infer S)[] }
            ? { [C in ColumnName<S>]: Id }
            : F extends { kind: "expression"; variables: infer V }
              ? { [C in ColumnName<V extends readonly (infer S)[] ? S : V[keyof V]>]: number | string | null }
              : { [C in ColumnName<SourcesOf<F>>]: Texts };

type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void
  ? I
  : never;

/** The record of one feature's columns. Features that read the same column must agree on its type. */
type RecordsOf<F> = F extends FeatureInput ? RecordOf<F> : never;

/**
 * The rows that a model of this config scores: the columns that its features read, after the source's `sql`. Use
 * `RowOf<typeof config>`; a config of unknown type allows any columns.
 */
export type RowOf<C> = C extends { features: readonly (infer F)[] }
  ? string extends keyof Intersection<RecordsOf<F>>
    ? Readonly<Record<string, unknown>>
    : { readonly [K in keyof Intersection<RecordsOf<F>>]: Intersection<RecordsOf<F>>[K] }
  : Readonly<Record<string, unknown>>;

/** The labels of a config: `LabelOf<typeof config>`; any name if its type is unknown. */
export type LabelOf<C> = C extends { data: { label: infer L } }
  ? L extends string
    ? L
    : L extends readonly (infer E extends string)[]
      ? E
      : string
  : string;
