import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";

/** Rows that were read but cannot be used, as lines of JSON: where each stands and why it was refused. */
export interface QuarantinedRow {
  readonly split: string;
  /** The file, where the source has several or the row is malformed. */
  readonly file?: string;
  /** 1-based line of a malformed row in its file. */
  readonly line?: number;
  /** 1-based place of the row among the well-formed rows of the source, files one after the other. */
  readonly row?: number;
  /** The feature that refuses the row, "@label" or "@weight". */
  readonly feature?: string;
  readonly columns?: readonly string[];
  readonly reason: string;
  /** The refused value, or the text of a malformed row. */
  readonly value: string | null;
}

/** How many characters of a refused value are kept. */
const valueLimit = 1000;

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
    const line = JSON.stringify({ ...row, value: row.value?.slice(0, valueLimit) ?? null });
    if (!this.stream.write(`${line}\n`)) await once(this.stream, "drain");
  }

  async close(): Promise<void> {
    if (this.stream.closed) return;
    this.stream.end();
    await once(this.stream, "close");
  }
}
