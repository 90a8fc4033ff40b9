import type { z } from "zod";
import type { Kind, KindSchema } from "../../kinds.js";
import type { Input, InputValue } from "../inputs.js";
import type { Operator } from "../operator.js";
import type { TargetMeans, TargetRule } from "../target-means.js";
import type { Tokenizers } from "../tokenizer.js";

/** A derived feature's computation. Plain JSON, saved with the fitted features. */
export interface Derivation {
  readonly kind: string;
  readonly inputs: readonly Input[];
}

/** A file that affects a feature's values, and the config key that names it. */
export interface FeatureFile {
  readonly path: string;
  readonly key: string;
  readonly holds: "module" | "tokenizer";
}

/** What computations need besides their derivation; saved with the fitted features. */
export interface Learned {
  readonly tokenizers?: Tokenizers;
  /** By feature name. */
  readonly targetMeans?: Readonly<Record<string, TargetMeans>>;
}

/** A column of a sequence, as a feature that joins it with another one reads it. */
export interface JoinedColumn {
  readonly column: string;
  readonly newest: number | null;
  readonly separator: string;
}

/** A kind of derived feature: its values are computed from columns and other features. */
export interface DerivedKind<S extends KindSchema = KindSchema, D extends Derivation = Derivation>
  extends Kind {
  readonly schema: S;
  /**
   * Set if the value is always ids, those of a sequence, or several in each of its entries. Otherwise it is ids if the config has a
   * mapping, else a number.
   */
  readonly gives?: "ids" | "sequence" | "entryBags";
  derive(feature: z.output<S>): D;
  /** Compiles a derivation to a function that takes its input columns and returns one value per row. */
  compile(derivation: D, learned: Learned): Operator;
  /** Only of kinds that join the entries of two sequences: a column of each, and how many of the newest entries it keeps. */
  joins?(feature: z.output<S>): readonly JoinedColumn[];
  file?(feature: z.output<S>): FeatureFile | undefined;
  /** Only of kinds that learn the mean label of each value: without means, their value is the key. */
  targetRule?(feature: z.output<S>): TargetRule;
  /** Only of kinds that run code of the user: allows a derivation read from a file to run `code`. */
  allow?(derivation: D, code: AllowedCode): D;
}

/**
 * The function of a custom feature. It takes one column per input and returns one value per row: a number, a text or a list.
 * Text inputs are canonical texts; `undefined` is a missing value.
 */
export type FeatureFunction = (
  inputs: readonly (readonly InputValue[])[],
  params: unknown,
) => readonly unknown[];

/** The code that features read from a file may run. */
export interface AllowedCode {
  /** By feature. */
  readonly functions: Readonly<Record<string, FeatureFunction>>;
  /** True: import the modules that the file names, if they have these SHA-256 sums, by path. */
  readonly importModules: boolean;
  readonly modules: Readonly<Record<string, string>>;
}

/** Declares a kind of derived feature. No other code reads its derivations. */
export function defineKind<S extends KindSchema, D extends Derivation>(
  kind: DerivedKind<S, D>,
): DerivedKind<S> {
  return kind as unknown as DerivedKind<S>;
}
