import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";

/** Rows that cannot be used, as JSON lines with place and reason. */
export interface QuarantinedRow {
  readonly split: string;
  /** The file, if the source has several or the row is malformed. */
  readonly file?: string;
  /** 1-based line of a malformed row in its file. */
  readonly line?: number;
  /** 1-based number of the row among the well-formed rows of the source, over all files. */
  readonly row?: number;
  /** The feature that refuses the row, "@label" or "@weight". */
  readonly feature?: string;
  readonly columns?: readonly string[];
  readonly reason: string;
  /** The refused value, or the text of a malformed row. */
  readonly value: string | null;
}

/** Longest part of a refused value that is kept, in characters. */
const VALUE_LIMIT = 1000;

export class Quarantine {
  count = 0;
  /** Rows by reason, such as `@label: missing value`. */
  readonly reasons: Record<string, number> = {};
  private readonly stream: WriteStream;

  constructor(readonly path: string) {
    this.stream = createWriteStream(path);
  }

  async add(row: QuarantinedRow): Promise<void> {
    const reason = row.feature === undefined ? row.reason : `${row.feature}: ${row.reason}`;
    this.count++;
    this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
    const line = JSON.stringify({ ...row, value: row.value?.slice(0, VALUE_LIMIT) ?? null });
    if (!this.stream.write(`${line}\n`)) await once(this.stream, "drain");
  }

  async close(): Promise<void> {
    if (this.stream.closed) return;
    this.stream.end();
    await once(this.stream, "close");
  }
}
