/**
 * Where the records of a text file are. DuckDB tells the number of a row and the first byte of a malformed one; a quoted
 * field may have line breaks, so lines follow from neither alone.
 */

/** How records are written. */
export interface RecordFormat {
  readonly delimiter: string;
  /** Lines before the first record or header. */
  readonly skip: number;
  readonly header: boolean;
  readonly columns: readonly string[];
}

/** A malformed record, as DuckDB lists it. */
export interface Malformed {
  /** Of its first byte, from 0, in the text as UTF-8. */
  readonly position: number;
  /** Number of bytes, if it has a quote that is not closed. */
  readonly swallowed?: number;
}

export interface FoundRecord {
  /** 1-based line of its start. */
  readonly line: number;
  readonly text: string;
}

const LINE_FEED = "\n";

/** Reads the text of one file, a piece at a time. Bytes are characters of Latin-1, so that positions are those of bytes. */
export class RecordScanner {
  /** Well-formed records so far. */
  records = 0;
  /** The lines of the malformed records, in order. */
  readonly malformedLines: number[] = [];
  /** The wanted records, in order. */
  readonly found: FoundRecord[] = [];

  private rest = "";
  private position = 0;
  private line = 0;
  private isOpen = false;
  private started: { text: string; line: number; isMalformed: boolean } | undefined;
  private swallowedUntil = 0;
  private leading: number;
  private hasHeader = false;
  private readonly delimiter: string;

  /**
   * @param malformed ascending
   * @param wanted 1-based numbers among the well-formed records, ascending
   */
  constructor(
    private readonly format: RecordFormat,
    private readonly malformed: readonly Malformed[],
    private readonly wanted: readonly number[],
  ) {
    this.leading = format.skip;
    this.delimiter = Buffer.from(format.delimiter, "utf8").toString("latin1");
  }

  push(bytes: Uint8Array): void {
    const text = this.rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    let start = 0;
    for (let end = text.indexOf(LINE_FEED); end >= 0; end = text.indexOf(LINE_FEED, start)) {
      this.addLine(text.slice(start, end), 1);
      start = end + 1;
    }
    this.rest = text.slice(start);
  }

  end(): void {
    if (this.rest !== "") this.addLine(this.rest, 0);
    this.finish();
  }

  private addLine(text: string, breaks: number): void {
    const { position } = this;
    this.position += text.length + breaks;
    this.line++;
    const malformed = this.malformedFrom(position);
    if (this.leading > 0) {
      this.leading--;
      return;
    }
    if (position < this.swallowedUntil) return;
    if (malformed?.swallowed !== undefined) this.swallowedUntil = position + malformed.swallowed;
    if (this.started) this.started.text += `\n${text}`;
    else
      this.started = {
        text: this.line === 1 ? withoutMark(text) : text,
        line: this.line,
        isMalformed: malformed !== undefined,
      };
    this.isOpen = endsInQuotes(text, this.isOpen, this.delimiter);
    if (!this.isOpen || this.swallowedUntil > position) this.finish();
  }

  /** Notes the lines of the malformed records that start in this line, and returns the one that starts with it. */
  private malformedFrom(position: number): Malformed | undefined {
    let first: Malformed | undefined;
    for (let next = this.malformed[this.malformedLines.length]; next && next.position < this.position; ) {
      if (next.position === position) first = next;
      this.malformedLines.push(this.line);
      next = this.malformed[this.malformedLines.length];
    }
    return first;
  }

  private finish(): void {
    const { started, format } = this;
    this.started = undefined;
    this.isOpen = false;
    if (!started || started.isMalformed) return;
    const text = started.text.replace(/\r$/, "");
    if (text === "" && format.columns.length > 1) return;
    if (format.header && !this.hasHeader) {
      this.hasHeader = true;
      return;
    }
    this.records++;
    if (this.records === this.wanted[this.found.length])
      this.found.push({ line: started.line, text: Buffer.from(text, "latin1").toString("utf8") });
  }
}

/** Without the byte order mark. */
function withoutMark(text: string): string {
  return text.replace(/^\u00ef\u00bb\u00bf/, "");
}

/** True if a field that began in this line, or before it if `isOpen`, has a quote that is not closed. */
function endsInQuotes(line: string, isOpen: boolean, delimiter: string): boolean {
  if (!isOpen && !line.includes('"')) return false;
  let at = isOpen ? afterQuote(line, 0) : 0;
  if (!isOpen && line.startsWith('"')) at = afterQuote(line, 1);
  while (at >= 0) {
    const next = line.indexOf(delimiter, at);
    if (next < 0) return false;
    at = next + delimiter.length;
    if (line[at] === '"') at = afterQuote(line, at + 1);
  }
  return true;
}

/** The place after the quote that closes a field; -1 if there is none. */
function afterQuote(line: string, start: number): number {
  for (let at = line.indexOf('"', start); at >= 0; at = line.indexOf('"', at + 2))
    if (line[at + 1] !== '"') return at + 1;
  return -1;
}
