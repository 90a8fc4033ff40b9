import { once } from "node:events";
import { createWriteStream, readFileSync, type WriteStream } from "node:fs";
import type { MalformedRow, Place } from "../source/rejects.js";

/** Rows that cannot be used, as JSON lines with place and reason. */
export interface QuarantinedRow {
  /** Absent if the rows are of no split. */
  readonly split?: string;
  /** The file, where it is known. */
  readonly file?: string;
  /** 1-based line of the start of a row of a text file. */
  readonly line?: number;
  /** The topic, partition and offset of a message. */
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
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

/** Rows that wait until their places are known; later ones are listed without. */
export const WAITING_LIMIT = 1000;

/** A line of a quarantine file. */
export function quarantineLine(row: QuarantinedRow): string {
  return `${JSON.stringify({ ...row, value: row.value?.slice(0, VALUE_LIMIT) ?? null })}\n`;
}

export function malformedRow({ file, line, column, reason, text, message }: MalformedRow): QuarantinedRow {
  if (message) return { ...message, reason, value: text };
  return { file, line, ...(column !== null && { columns: [column] }), reason, value: text };
}

/** The rows of a quarantine file. */
export function readQuarantine(path: string): QuarantinedRow[] {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as QuarantinedRow);
}

/** The distinct values that a feature or label refused. */
export function refusedValues(rows: readonly QuarantinedRow[], feature: string): string[] {
  const values = rows.flatMap((row) => (row.feature === feature && row.value !== null ? [row.value] : []));
  return [...new Set(values)].sort();
}

export class Quarantine {
  count = 0;
  /** Rows by reason, such as `@label: missing value`. */
  readonly reasons: Record<string, number> = {};
  private readonly stream: WriteStream;
  private waiting: QuarantinedRow[] = [];
  /** Of the file. Whoever writes next gets it, or who closes. */
  private failure: Error | undefined;

  constructor(readonly path: string) {
    this.stream = createWriteStream(path);
    this.stream.on("error", (error) => {
      this.failure = error;
    });
  }

  /** The first rows, until their places are known. */
  get firstRows(): readonly QuarantinedRow[] {
    return this.waiting;
  }

  /** The numbers of the rows that wait for {@link locate}. */
  get waitingRows(): number[] {
    return this.waiting.flatMap(({ row }) => row ?? []);
  }

  async add(row: QuarantinedRow): Promise<void> {
    const reason = row.feature === undefined ? row.reason : `${row.feature}: ${row.reason}`;
    this.count++;
    this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
    if (row.row !== undefined && this.waiting.length < WAITING_LIMIT) this.waiting.push(row);
    else await this.write(row);
  }

  /** Adds file, line and the values as they are written to the waiting rows. */
  async locate(placeOf: (row: number) => Place | undefined): Promise<void> {
    this.waiting = this.waiting.map((row) => located(row, placeOf(row.row as number)));
    await this.writeWaiting();
  }

  async close(): Promise<void> {
    if (this.failure) throw this.failure;
    if (this.stream.closed) return;
    await this.writeWaiting();
    this.stream.end();
    await once(this.stream, "close");
  }

  private async writeWaiting(): Promise<void> {
    for (const row of this.waiting) await this.write(row);
    this.waiting = [];
  }

  private async write(row: QuarantinedRow): Promise<void> {
    if (this.failure) throw this.failure;
    if (!this.stream.write(quarantineLine(row))) await once(this.stream, "drain");
  }
}

/** Adds file, line and the values as they are written. */
export function located<R extends QuarantinedRow>(row: R, place: Place | undefined): R {
  if (!place) return row;
  if (place.message) return { ...row, ...place.message };
  const cells = (row.columns ?? []).map((column) => place.cells.get(column));
  // A missing value is written as nothing, or as a text that means so.
  const isWritten = row.value !== null && cells.length > 0 && !cells.includes(undefined);
  const value = isWritten ? (cells.length > 1 ? JSON.stringify(cells) : (cells[0] as string)) : row.value;
  return { ...row, file: place.file, line: place.line, value };
}
