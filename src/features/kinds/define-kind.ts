import type { z } from "zod";
import type { Kind, KindSchema } from "../../kinds.js";
import type { Input } from "../inputs.js";
import type { Operator } from "../operator.js";
import type { Tokenizers } from "../tokenizer.js";

/** How a derived feature's value is computed: plain JSON, saved with the fitted features. */
export interface Derivation {
  readonly kind: string;
  readonly inputs: readonly Input[];
}

/** A file that decides what a feature means, and the key of the config that names it. */
export interface FeatureFile {
  readonly path: string;
  readonly key: string;
  readonly holds: "module" | "tokenizer";
}

/** A kind of derived features, whose values are computed from columns and from other features. */
export interface DerivedKind<S extends KindSchema = KindSchema, D extends Derivation = Derivation>
  extends Kind {
  readonly schema: S;
  /** The value is always ids. Absent: ids where the config maps values to rows of a table, else a number. */
  readonly gives?: "ids";
  derive(feature: z.output<S>): D;
  /** The function from the columns of its inputs to one value per row. */
  compile(derivation: D, tokenizers: Tokenizers): Operator;
  file?(feature: z.output<S>): FeatureFile | undefined;
}

/** Declares a kind of derived features, which alone knows what is in its derivations. */
export function defineKind<S extends KindSchema, D extends Derivation>(
  kind: DerivedKind<S, D>,
): DerivedKind<S> {
  return kind as unknown as DerivedKind<S>;
}
