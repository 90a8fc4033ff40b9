import type { RowInitializer } from "../initial-values.js";

export type { RowInitializer } from "../initial-values.js";

/** Initial values of a parameter. Random draws depend on (seed, a hash of the parameter's name). */
export type Initializer =
  | RowInitializer
  /** One value per element, in row-major order. */
  | { readonly kind: "values"; readonly values: readonly number[] };
