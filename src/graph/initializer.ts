/** Initial values of a parameter. Random draws depend on (seed, a hash of the parameter's name). */
export type Initializer =
  | RowInitializer
  /** One value per element, in row-major order. */
  | { readonly kind: "values"; readonly values: readonly number[] };

/** Initial values that do not depend on the number of rows. */
export type RowInitializer =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  | { readonly kind: "normal"; readonly mean: number; readonly std: number };
