import type { TextRules } from "../../features/fitted.js";
import type { SourceConfig } from "../data-config.js";
import { demandOf, type JobConfig, type JobSource, openJobSource } from "../job.js";
import { Duck } from "../source/duckdb.js";
import { findFiles, presentFiles } from "../source/source-files.js";
import { type LateRows, nextRange, openCursor, predicateOf } from "./cursor.js";
import { newFiles, refuseOther } from "./files.js";
import type { CursorReads, ReaderPosition, Reads } from "./position.js";

/** What a source has after a position. */
export interface Next extends Partial<LateRows> {
  /** The next stretch; absent if there are no new rows. */
  readonly reads?: Reads;
  /** Files with a new name and a content that has been read. */
  readonly copies?: number;
}

/** A source of new rows. */
export interface GrowingSource {
  /**
   * The new rows after a position.
   * @param rules what values meant in training
   * @param more rows that are too few for a stretch, because none can be used: the next ones are needed, too
   * @throws DataError if what has been read has changed
   */
  next(position: ReaderPosition, rules: TextRules, more?: Reads): Promise<Next>;
  /** Opens the rows of a stretch; the same rows each time. */
  open(duck: Duck, reads: Reads, scratch: string): Promise<Omit<JobSource, "rules">>;
  /** Called when a checkpoint with this position has been saved. */
  saved?(position: ReaderPosition): Promise<void>;
  close?(): Promise<void>;
}

/** Whole files: a stretch is all files that have not been read. */
export class GrowingFiles implements GrowingSource {
  constructor(
    private readonly config: JobConfig,
    private readonly source: SourceConfig,
    private readonly where: string,
    private readonly scratch: string,
  ) {}

  async next(position: ReaderPosition): Promise<Next> {
    const duck = await Duck.open(this.scratch);
    try {
      const present = await presentFiles(duck, this.source, this.where);
      const { files, copies } = await newFiles(present, position.files);
      return { copies: copies.length, ...(files.length > 0 && { reads: { files: [...files] } }) };
    } finally {
      duck.close();
    }
  }

  async open(duck: Duck, reads: Reads, scratch: string): Promise<Omit<JobSource, "rules">> {
    const { files: named } = reads as Extract<Reads, { files: unknown }>;
    const source = { ...this.source, path: named.map(({ path }) => path) };
    const files = await findFiles(duck, source, this.where, scratch, demandOf(this.config));
    await refuseOther(named, files.identity);
    const divide: JobSource["divide"] = async (opened) => ({ source: opened, splits: [{ name: "train" }] });
    return { source, where: this.where, files, divide };
  }
}

/** Rows above the last value of a cursor column, in all files of the source. */
export class GrowingRows implements GrowingSource {
  constructor(
    private readonly config: JobConfig,
    private readonly source: SourceConfig,
    private readonly where: string,
    private readonly column: string,
    private readonly scratch: string,
  ) {}

  async next({ cursor: last }: ReaderPosition, rules: TextRules): Promise<Next> {
    const { config, source, where, scratch } = this;
    const duck = await Duck.open(scratch);
    try {
      const files = await findFiles(duck, source, where, scratch, demandOf(config));
      const opened = await openJobSource(duck, config, { source, where, files, rules });
      const found = await nextRange(duck, await openCursor(duck, opened, this.column, last?.unit), last);
      const { late, lateEqual } = found;
      return { late, lateEqual, ...("cursor" in found && { reads: found }) };
    } finally {
      duck.close();
    }
  }

  async open(duck: Duck, reads: Reads, scratch: string): Promise<Omit<JobSource, "rules">> {
    const { source, where, column } = this;
    const range = reads as CursorReads;
    const files = await findFiles(duck, source, where, scratch, demandOf(this.config));
    const divide: JobSource["divide"] = async (opened) => {
      const cursor = await openCursor(duck, opened, column, range.cursor.unit);
      return { source: cursor.source, splits: [{ name: "train", predicate: predicateOf(cursor, range) }] };
    };
    return { source, where, files, divide };
  }
}
