import type { z } from "zod";
import { findKind } from "../../kinds.js";
import type { Operator } from "../operator.js";
import type { Tokenizers } from "../tokenizer.js";
import { combineKind } from "./combine.js";
import { comboKind } from "./combo.js";
import { customKind } from "./custom.js";
import type { Derivation, DerivedKind } from "./define-kind.js";
import { expressionKind } from "./expression.js";
import { kvDotKind } from "./kv-dot.js";
import { lookupKind } from "./lookup.js";
import { maskKind } from "./mask.js";
import { matchKind } from "./match.js";
import { overlapKind } from "./overlap.js";
import { tokenizeKind } from "./tokenize.js";

/** The kinds of derived features that a config can name. */
export const DERIVED_KINDS = [
  combineKind,
  comboKind,
  customKind,
  expressionKind,
  kvDotKind,
  lookupKind,
  maskKind,
  matchKind,
  overlapKind,
  tokenizeKind,
] as const;

/** A feature whose value is computed from columns and from other features. */
export type DerivedFeatureConfig = z.output<(typeof DERIVED_KINDS)[number]["schema"]>;

/** The kind of a derived feature or of its derivation; undefined for the kinds that read columns directly. */
export function derivedKind(kind: string): DerivedKind | undefined {
  return findKind<DerivedKind>(DERIVED_KINDS as readonly DerivedKind[], kind);
}

export function derivationOf(feature: DerivedFeatureConfig): Derivation {
  return derivedKind(feature.kind)!.derive(feature);
}

/** The function from the columns of its inputs to one value per row. */
export function compileOperator(derivation: Derivation, tokenizers: Tokenizers): Operator {
  return derivedKind(derivation.kind)!.compile(derivation, tokenizers);
}

/** Columns that a derivation reads itself, in the order of its inputs. */
export function inputColumns({ inputs }: Derivation): string[] {
  return inputs.flatMap((input) => ("column" in input ? [input.column] : []));
}
