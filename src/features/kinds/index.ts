import type { z } from "zod";
import type { Operator } from "../operator.js";
import type { Tokenizers } from "../tokenizer.js";
import { type Combine, combineFeature, compileCombine, deriveCombine } from "./combine.js";
import { type Combo, comboFeature, compileCombo, deriveCombo } from "./combo.js";
import { type Custom, compileCustom, customFeature, deriveCustom } from "./custom.js";
import {
  compileExpression,
  deriveExpression,
  type ExpressionOfInputs,
  expressionFeature,
} from "./expression.js";
import { compileKvDot, deriveKvDot, type KvDot, kvDotFeature } from "./kv-dot.js";
import { compileLookup, deriveLookup, type Lookup, lookupFeature } from "./lookup.js";
import { compileMask, deriveMask, type Mask, maskFeature } from "./mask.js";
import { compileMatch, deriveMatch, type Match, matchFeature } from "./match.js";
import { compileOverlap, deriveOverlap, type Overlap, overlapFeature } from "./overlap.js";
import { compileTokenize, deriveTokenize, type Tokenize, tokenizeFeature } from "./tokenize.js";

/** The schemas of derived features: values computed from columns and from other features. */
export const DERIVED_FEATURES = [
  combineFeature,
  comboFeature,
  customFeature,
  expressionFeature,
  kvDotFeature,
  lookupFeature,
  maskFeature,
  matchFeature,
  overlapFeature,
  tokenizeFeature,
] as const;

/** A feature whose value is computed from columns and from other features. */
export type DerivedFeatureConfig = z.output<(typeof DERIVED_FEATURES)[number]>;

/** How a derived feature's value is computed: plain JSON, saved with the fitted features. */
export type Derivation =
  | Combine
  | Combo
  | Custom
  | ExpressionOfInputs
  | KvDot
  | Lookup
  | Mask
  | Match
  | Overlap
  | Tokenize;

type Kind = Derivation["kind"];
type ConfigOf<K extends Kind> = Extract<DerivedFeatureConfig, { kind: K }>;
type DerivationOf<K extends Kind> = Extract<Derivation, { kind: K }>;

const derivations: { [K in Kind]: (feature: ConfigOf<K>) => DerivationOf<K> } = {
  combine: deriveCombine,
  combo: deriveCombo,
  custom: deriveCustom,
  expression: deriveExpression,
  kvDot: deriveKvDot,
  lookup: deriveLookup,
  mask: deriveMask,
  match: deriveMatch,
  overlap: deriveOverlap,
  tokenize: deriveTokenize,
};

const compilers: { [K in Kind]: (derivation: DerivationOf<K>, tokenizers: Tokenizers) => Operator } = {
  combine: compileCombine,
  combo: compileCombo,
  custom: compileCustom,
  expression: compileExpression,
  kvDot: compileKvDot,
  lookup: compileLookup,
  mask: compileMask,
  match: compileMatch,
  overlap: compileOverlap,
  tokenize: compileTokenize,
};

export function derivationOf(feature: DerivedFeatureConfig): Derivation {
  return (derivations[feature.kind] as (feature: DerivedFeatureConfig) => Derivation)(feature);
}

/** The function from the columns of its inputs to one value a row. */
export function compileOperator(derivation: Derivation, tokenizers: Tokenizers): Operator {
  const compile = compilers[derivation.kind] as (derivation: Derivation, tokenizers: Tokenizers) => Operator;
  return compile(derivation, tokenizers);
}

/** Columns that a derivation reads itself, in the order of its inputs. */
export function inputColumns({ inputs }: Derivation): string[] {
  return inputs.flatMap((input) => ("column" in input ? [input.column] : []));
}
