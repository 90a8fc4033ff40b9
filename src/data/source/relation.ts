import type { Refused, Unread } from "./rejects.js";

/** Hidden column with the file path of each row, if a source has several files. */
export const FILE_COLUMN = "@file";

/** The rows of the files of a source, before `sql`. */
export interface Relation {
  /**
   * A SELECT of all columns, in source order.
   * @param rejects lists the malformed rows in tables of this name, which must be new in the database; without it they are skipped
   */
  select(rejects?: string): string;
  /** Names that several columns have, once for each column: these columns are left out. */
  readonly repeated?: readonly string[];
  /** The columns without a value that have no type. */
  readonly untyped?: readonly string[];
  /**
   * What a finished scan of `select(rejects)` left out, and where the rows are that features refused. Absent if the format
   * has no malformed rows.
   */
  unread?(rejects: string, refused: Refused): Promise<Unread>;
}
