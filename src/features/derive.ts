import type { FittedFeatures } from "./fitted.js";
import { type InputValue, inputReader, Refused } from "./inputs.js";
import { type Combine, compileCombine, deriveCombine } from "./kinds/combine.js";
import { type Combo, compileCombo, deriveCombo } from "./kinds/combo.js";
import { type Custom, compileCustom, deriveCustom } from "./kinds/custom.js";
import { compileExpression, deriveExpression, type ExpressionOfInputs } from "./kinds/expression.js";
import { compileKvDot, deriveKvDot, type KvDot } from "./kinds/kv-dot.js";
import { compileLookup, deriveLookup, type Lookup } from "./kinds/lookup.js";
import { compileMask, deriveMask, type Mask } from "./kinds/mask.js";
import { compileMatch, deriveMatch, type Match } from "./kinds/match.js";
import { compileOverlap, deriveOverlap, type Overlap } from "./kinds/overlap.js";
import { compileTokenize, deriveTokenize, type Tokenize } from "./kinds/tokenize.js";
import type { Operator } from "./operator.js";
import { type DerivedFeatureConfig, type FeatureConfig, isDerived } from "./schema/features.js";

/** Derived features: values computed from columns and from other features, by the same function in packing and serving. */

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

const compilers: { [K in Kind]: (derivation: DerivationOf<K>, fitted: FittedFeatures) => Operator } = {
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

/** `undefined` for a feature that reads its column as it is. */
export function derivationOf(feature: FeatureConfig): Derivation | undefined {
  if (!isDerived(feature)) return undefined;
  return (derivations[feature.kind] as (feature: DerivedFeatureConfig) => Derivation)(feature);
}

/** Columns that a derivation reads itself, in the order of its inputs. */
export function inputColumns({ inputs }: Derivation): string[] {
  return inputs.flatMap((input) => ("column" in input ? [input.column] : []));
}

/**
 * A derivation as a function from raw columns, one an input, to one raw value a row. A row of which an input cannot be
 * read gets a {@link Refused}.
 */
export function compileDerivation(
  derivation: Derivation,
  fitted: FittedFeatures,
): (inputs: readonly (readonly unknown[])[], rows: number) => readonly unknown[] {
  const compile = compilers[derivation.kind] as (derivation: Derivation, fitted: FittedFeatures) => Operator;
  const operator = compile(derivation, fitted);
  const readers = derivation.inputs.map(inputReader);
  return (inputs, rows) => {
    const refused = new Map<number, Refused>();
    const columns = inputs.map((column, i) =>
      Array.from(column, (raw, row): InputValue => {
        const value = readers[i](raw);
        if (!(value instanceof Refused)) return value;
        refused.set(row, value);
        return undefined;
      }),
    );
    const values = operator(columns, rows);
    return refused.size === 0 ? values : values.map((value, row) => refused.get(row) ?? value);
  };
}

/** The names of the features that others read. */
export function inputNames({ features }: FittedFeatures): Set<string> {
  const inputs = features.flatMap(({ reading }) => reading.derivation?.inputs ?? []);
  return new Set(inputs.flatMap((input) => ("feature" in input ? [input.feature] : [])));
}

/** Indices of the features, each after those that it reads and else in their order. */
export function evaluationOrder({ features }: FittedFeatures): number[] {
  const indexOf = new Map(features.map(({ name }, i) => [name, i]));
  const order = new Set<number>();
  const visit = (i: number): void => {
    if (order.has(i)) return;
    for (const input of features[i].reading.derivation?.inputs ?? [])
      if ("feature" in input) visit(indexOf.get(input.feature)!);
    order.add(i);
  };
  for (const i of features.keys()) visit(i);
  return [...order];
}
