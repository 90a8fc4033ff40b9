/**
 * From an id to the row of a table: what stands between a column of ids and the operations, which only see rows. A table
 * without one has its ids as rows. One object serves training, evaluation and prediction; only training steps and
 * `restore` change it.
 */
export interface Translation {
  /** Rows of the table: every row that it gives is below. */
  readonly rows: number;
  /** The row of each id as it stands. An id without a row gets the row that the translation has for such ids. */
  translate(ids: readonly number[]): number[];
  /** All that training has changed, for checkpoints. */
  state(): BigInt64Array;
  /** @throws ExecutionError where the state is not one of this translation */
  restore(state: BigInt64Array): void;
}

/** What a step asks of a translation. */
export interface Admission extends Pick<Translation, "translate"> {
  /**
   * The row of each id of a training step, in the order of its samples; ids without a row may get one.
   * @throws ExecutionError where an id cannot get a row; the translation is then as before
   */
  admit(ids: readonly number[]): number[];
}

/** The translations that backends know. */
export type TranslationSpec =
  /** Id i has row `rows[i]`; training changes nothing. */
  | { readonly kind: "permutation"; readonly rows: readonly number[] }
  /**
   * Ids get the rows 1, 2, … in the order in which training meets them; row 0 is for the ids that have none. A table
   * that is full refuses the step that has a new id. There is no forgetting.
   */
  | { readonly kind: "firstCome"; readonly rows: number };
