import type { z } from "zod";
import { findKind } from "../../kinds.js";
import type { Operator } from "../operator.js";
import { agesKind } from "./ages.js";
import { combineKind } from "./combine.js";
import { comboKind } from "./combo.js";
import { customKind } from "./custom.js";
import { datePartKind } from "./date-part.js";
import type { Derivation, DerivedKind, Learned } from "./define-kind.js";
import { entryBagsKind } from "./entry-bags.js";
import { expressionKind } from "./expression.js";
import { joinedKind } from "./joined.js";
import { kvDotKind } from "./kv-dot.js";
import { lookupKind } from "./lookup.js";
import { maskKind } from "./mask.js";
import { matchKind } from "./match.js";
import { overlapKind } from "./overlap.js";
import { targetMeanKind } from "./target-mean.js";
import { tokenizeKind } from "./tokenize.js";

/** The kinds of derived features that a config can use. */
export const DERIVED_KINDS = [
  agesKind,
  combineKind,
  comboKind,
  customKind,
  datePartKind,
  entryBagsKind,
  expressionKind,
  joinedKind,
  kvDotKind,
  lookupKind,
  maskKind,
  matchKind,
  overlapKind,
  targetMeanKind,
  tokenizeKind,
] as const;

/** A feature whose value is computed from columns and from other features. */
export type DerivedFeatureConfig = z.output<(typeof DERIVED_KINDS)[number]["schema"]>;

/** The kind of a derived feature or derivation; undefined for kinds that read columns directly. */
export function derivedKind(kind: string): DerivedKind | undefined {
  return findKind<DerivedKind>(DERIVED_KINDS as readonly DerivedKind[], kind);
}

export function derivationOf(feature: DerivedFeatureConfig): Derivation {
  return derivedKind(feature.kind)!.derive(feature);
}

/** Compiles a derivation to a function that takes its input columns and returns one value per row. */
export function compileOperator(derivation: Derivation, learned: Learned): Operator {
  return derivedKind(derivation.kind)!.compile(derivation, learned);
}

/** The columns that a derivation reads directly, in input order. */
export function inputColumns({ inputs }: Derivation): string[] {
  return inputs.flatMap((input) => ("column" in input ? [input.column] : []));
}
