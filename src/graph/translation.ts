/**
 * Maps ids to table rows, between columns of ids and the operations, which only see rows. For a table without a
 * translation, ids are rows. Training, evaluation and prediction share one object; only training steps and `restore`
 * change it.
 */
export interface Translation {
  /** Number of rows of the table; every row returned is below it. */
  readonly rows: number;
  /** The current row of each id. Ids without a row get the row reserved for them. */
  translate(ids: readonly number[]): number[];
  /** The state changed by training, for checkpoints. */
  state(): BigInt64Array;
  /** @throws ExecutionError if the state does not belong to this translation */
  restore(state: BigInt64Array): void;
}

/** What a training step needs from a translation. */
export interface Admission extends Pick<Translation, "translate"> {
  /**
   * The row of each id in a training step, in row order; ids without a row may get one.
   * @throws ExecutionError if an id cannot get a row; the translation is then unchanged
   */
  admit(ids: readonly number[]): number[];
}

/** The translations that backends implement. */
export type TranslationSpec =
  /** Id i has row `rows[i]`; training changes nothing. */
  | { readonly kind: "permutation"; readonly rows: readonly number[] }
  /**
   * Ids get the rows 1, 2, … in the order in which training first sees them; row 0 is for ids without a row. When the
   * table is full, a step with a new id fails. Rows are never freed.
   */
  | { readonly kind: "firstCome"; readonly rows: number };
