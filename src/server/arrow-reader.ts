/*
 * Reads streams of Arrow from anyone. The libraries trust the lengths in a stream: one changed byte makes them allocate all
 * memory. Here every length is compared with the bytes that there are, so that reading takes no longer than the body is large.
 * Format: https://arrow.apache.org/docs/format/Columnar.html; metadata: FlatBuffers, Message.fbs and Schema.fbs.
 */

export interface ArrowRows {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ArrayLike<unknown>>>;
  /** Of the schema. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** What is wrong with a stream, in a few words. */
export class ArrowError extends SyntaxError {}

const [SCHEMA, DICTIONARIES, BATCH] = [1, 2, 3];
const [INT, FLOAT, UTF8, BOOL, LIST, LARGE_UTF8, LARGE_LIST] = [2, 3, 5, 6, 12, 20, 21];
/** Of a message: a mark, then the length of the metadata. */
const CONTINUED = 0xffffffff;

/** @throws ArrowError, RangeError for a stream that is malformed, or has columns of other types */
export function readArrow(bytes: Uint8Array, mostRows: number): ArrowRows {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let schema: FlatTable | undefined;
  const batches: Batch[] = [];
  for (const { kind, header, body } of messages(view)) {
    if (kind === DICTIONARIES)
      throw new ArrowError("columns of dictionaries are not read: write their values");
    if (kind === SCHEMA) schema = header;
    if (kind === BATCH) batches.push(new Batch(header, body));
  }
  if (schema === undefined) throw new ArrowError("the stream has no schema");
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  if (rows > mostRows) throw new ArrowError(`the stream has ${rows} rows, more than ${mostRows}`);
  const fields = schema.tables(1).map(fieldOf);
  const parts = batches.map((batch) => fields.map((field) => batch.column(field, batch.rows)));
  const columns = fields.map(({ name }, i) => [name, joined(parts.map((part) => part[i]))]);
  const metadata = new Map(schema.tables(2).map((pair) => [pair.text(0), pair.text(1)]));
  return { rows, columns: Object.fromEntries(columns), metadata };
}

function* messages(view: DataView) {
  for (let at = 0; at + 8 <= view.byteLength; ) {
    const start = view.getUint32(at, true) === CONTINUED ? at + 8 : at + 4;
    const size = view.getInt32(start - 4, true);
    if (size === 0) return;
    const message = FlatTable.root(part(view, start, size));
    const length = message.wide(3);
    yield { kind: message.byte(1), header: message.table(2), body: part(view, start + size, length) };
    at = start + size + length;
  }
}

/** @throws ArrowError outside the bytes */
function part(view: DataView, start: number, length: number): DataView {
  if (!(start >= 0 && length >= 0 && start + length <= view.byteLength))
    throw new ArrowError("a length in the stream is larger than the stream");
  return new DataView(view.buffer, view.byteOffset + start, length);
}

/** Bytes that may be read of a message, by those that it has: writers may use a text twice. */
const MOST_READ = 8;

/**
 * A table of FlatBuffers. Reading outside of the bytes throws RangeError. Tables may share what they refer to, so that a few bytes
 * could stand for a million long names: what is read of a message is counted.
 */
class FlatTable {
  private constructor(
    private readonly view: DataView,
    private readonly at: number,
    private readonly left: { bytes: number },
  ) {}

  static root(view: DataView): FlatTable {
    return new FlatTable(view, view.getUint32(0, true), { bytes: MOST_READ * view.byteLength });
  }

  byte(field: number): number {
    const at = this.place(field);
    return at === 0 ? 0 : this.view.getUint8(at);
  }

  short(field: number): number {
    const at = this.place(field);
    return at === 0 ? 0 : this.view.getInt16(at, true);
  }

  int(field: number): number {
    const at = this.place(field);
    return at === 0 ? 0 : this.view.getInt32(at, true);
  }

  wide(field: number): number {
    const at = this.place(field);
    return at === 0 ? 0 : wideAt(this.view, at);
  }

  has(field: number): boolean {
    return this.place(field) !== 0;
  }

  table(field: number): FlatTable {
    const at = this.place(field);
    if (at === 0) throw new ArrowError("a part of the stream is missing");
    return this.tableAt(at);
  }

  text(field: number): string {
    const at = this.vector(field);
    if (at === 0) return "";
    return utf8(this.read(at + 4, this.view.getUint32(at, true)));
  }

  tables(field: number): FlatTable[] {
    return this.elements(field, 4).map((at) => this.tableAt(at));
  }

  /** Pairs of 64-bit integers. */
  pairs(field: number): (readonly [number, number])[] {
    return this.elements(field, 16).map((at) => [wideAt(this.view, at), wideAt(this.view, at + 8)]);
  }

  private elements(field: number, size: number): number[] {
    const at = this.vector(field);
    if (at === 0) return [];
    const count = this.view.getUint32(at, true);
    this.read(at + 4, count * size);
    const places: number[] = [];
    for (let i = 0; i < count; i++) places.push(at + 4 + i * size);
    return places;
  }

  private tableAt(at: number): FlatTable {
    return new FlatTable(this.view, at + this.view.getUint32(at, true), this.left);
  }

  private read(start: number, length: number): DataView {
    this.left.bytes -= length;
    if (this.left.bytes < 0) throw new ArrowError("parts of the stream overlap");
    return part(this.view, start, length);
  }

  private vector(field: number): number {
    const at = this.place(field);
    return at === 0 ? 0 : at + this.view.getUint32(at, true);
  }

  private place(field: number): number {
    const layout = this.at - this.view.getInt32(this.at, true);
    const entry = 4 + 2 * field;
    if (entry >= this.view.getUint16(layout, true)) return 0;
    const offset = this.view.getUint16(layout + entry, true);
    return offset === 0 ? 0 : this.at + offset;
  }
}

interface Field {
  readonly name: string;
  readonly type: number;
  /** Makes the array of a type of numbers. */
  readonly numbers?: NumbersType;
  readonly element?: Field;
  /** Of texts and lists: offsets have 64 bits. */
  readonly isLarge?: boolean;
}

/** The names of the format, by their numbers there. */
const TYPES = (
  "NONE Null Int FloatingPoint Binary Utf8 Bool Decimal Date Time Timestamp Interval List Struct Union FixedSizeBinary " +
  "FixedSizeList Map Duration LargeBinary LargeUtf8 LargeList RunEndEncoded BinaryView Utf8View ListView"
).split(" ");

type NumbersType = new (
  bytes: ArrayBufferLike,
  offset?: number,
  length?: number,
) => ArrayLike<number | bigint>;
const SIGNED = new Map<number, NumbersType>([
  [8, Int8Array],
  [16, Int16Array],
  [32, Int32Array],
  [64, BigInt64Array],
]);
const UNSIGNED = new Map<number, NumbersType>([
  [8, Uint8Array],
  [16, Uint16Array],
  [32, Uint32Array],
  [64, BigUint64Array],
]);
const FLOATS = new Map<number, NumbersType>([
  [1, Float32Array],
  [2, Float64Array],
]);

function fieldOf(table: FlatTable): Field {
  const [name, type] = [table.text(0), table.byte(2)];
  const isLarge = type === LARGE_UTF8 || type === LARGE_LIST;
  if (type === BOOL || type === UTF8 || type === LARGE_UTF8) return { name, type, isLarge };
  if (isList(table)) {
    const [element] = table.tables(5).map(elementOf);
    if (element !== undefined) return { name, type, element, isLarge };
  }
  const details = type === INT || type === FLOAT ? table.table(3) : undefined;
  const numbers =
    type === FLOAT
      ? FLOATS.get(details!.short(0))
      : details && (details.byte(1) ? SIGNED : UNSIGNED).get(details.int(0));
  if (numbers) return { name, type, numbers };
  const found = details ? "a number of a width" : `the type ${TYPES[type] ?? type}`;
  throw new ArrowError(
    `the column ${name} has ${found}, which is not read: cast it to int8 to uint64, float32, float64, string, bool or lists of them`,
  );
}

const isList = (table: FlatTable) => [LIST, LARGE_LIST].includes(table.byte(2));

/** Lists of lists are not read: a stream cannot be deep. */
function elementOf(table: FlatTable): Field {
  if (!isList(table)) return fieldOf(table);
  throw new ArrowError("lists of lists are not read");
}

/** Elements of lists in a stream with fewer bytes: booleans are bits there, but not in memory. */
const MOST_SMALL = 2 ** 20;

class Batch {
  readonly rows: number;
  private readonly nodes: Iterator<readonly [number, number]>;
  private readonly buffers: Iterator<readonly [number, number]>;

  constructor(
    header: FlatTable,
    private readonly body: DataView,
  ) {
    if (header.has(3)) throw new ArrowError("compressed streams are not read");
    this.rows = header.wide(0);
    this.nodes = header.pairs(1).values();
    const buffers = header.pairs(2);
    // Otherwise a stream could have thousands of columns of the same bytes.
    if (buffers.reduce((sum, [, length]) => sum + length, 0) > body.byteLength)
      throw new ArrowError("parts of the stream overlap");
    this.buffers = buffers.values();
  }

  /**
   * The next column. Null values are null.
   * @param expected its rows; those of elements are their own
   */
  column({ type, numbers, element, isLarge = false }: Field, expected?: number): ArrayLike<unknown> {
    const [rows = -1, nulls = 0] = this.nodes.next().value ?? [];
    if (rows < 0 || rows !== (expected ?? rows)) throw new ArrowError("the columns have different lengths");
    if (rows > Math.max(MOST_SMALL, this.body.byteLength))
      throw new ArrowError("lists have too many elements");
    const valid = this.buffer(0);
    const values = element
      ? this.lists(element, rows, isLarge)
      : numbers
        ? this.numbersOf(numbers, rows)
        : type === BOOL
          ? this.bits(rows)
          : this.texts(rows, isLarge);
    if (nulls === 0) return values;
    if (valid.byteLength * 8 < rows)
      throw new ArrowError("a column with nulls does not say which values are null");
    return Array.from({ length: rows }, (_, row) => (bit(valid, row) ? values[row] : null));
  }

  private numbersOf(Numbers: NumbersType, rows: number): ArrayLike<number | bigint> {
    const size = (Numbers as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
    const { buffer, byteOffset } = this.buffer(rows * size);
    if (byteOffset % size === 0) return new Numbers(buffer, byteOffset, rows);
    return new Numbers(buffer.slice(byteOffset, byteOffset + rows * size));
  }

  private bits(rows: number): boolean[] {
    const bytes = this.buffer(Math.ceil(rows / 8));
    return Array.from({ length: rows }, (_, row) => bit(bytes, row));
  }

  private texts(rows: number, isLarge: boolean): string[] {
    const ends = this.offsets(rows, isLarge);
    const bytes = this.buffer(ends[rows]);
    const all = utf8(part(bytes, ends[0], ends[rows] - ends[0]));
    // Each character of ASCII is a byte.
    const isAscii = all.length === ends[rows] - ends[0];
    const textOf = isAscii
      ? (row: number) => all.slice(ends[row] - ends[0], ends[row + 1] - ends[0])
      : (row: number) => utf8(part(bytes, ends[row], ends[row + 1] - ends[row]));
    return Array.from({ length: rows }, (_, row) => textOf(row));
  }

  private lists(element: Field, rows: number, isLarge: boolean): unknown[][] {
    const ends = this.offsets(rows, isLarge);
    const values = Array.from(this.column(element));
    if (ends[rows] > values.length) throw new ArrowError("lists have more elements than there are");
    return Array.from({ length: rows }, (_, row) => values.slice(ends[row], ends[row + 1]));
  }

  /** `rows + 1` ascending numbers; none are written for no rows. */
  private offsets(rows: number, isLarge: boolean): ArrayLike<number> {
    if (rows === 0) {
      this.buffer(0);
      return [0];
    }
    const found = this.numbersOf(isLarge ? BigInt64Array : Int32Array, rows + 1);
    const offsets = isLarge ? Float64Array.from(found, Number) : (found as Int32Array);
    if (offsets.some((end, i) => end < (offsets[i - 1] ?? 0))) throw new ArrowError("offsets do not ascend");
    return offsets;
  }

  /** The next buffer, of at least the given number of bytes. */
  private buffer(least: number): DataView {
    const [offset = -1, length = 0] = this.buffers.next().value ?? [];
    if (length < least) throw new ArrowError("a column is shorter than its rows");
    return part(this.body, offset, length);
  }
}

const bit = (bytes: DataView, i: number) => ((bytes.getUint8(i >> 3) >> (i & 7)) & 1) === 1;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A Buffer reads a short text in a fraction of the time of a decoder, but shows bytes that are not UTF-8 as this character. */
const REPLACED = "\ufffd";

function utf8(bytes: DataView): string {
  const { buffer, byteOffset, byteLength } = bytes;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString();
  return text.includes(REPLACED) ? decoder.decode(bytes) : text;
}

/** An integer of 64 bits. Two halves, because a BigInt takes many times as long. */
const wideAt = (view: DataView, at: number) =>
  view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32;

/** The parts of a column that several batches have. */
function joined(parts: readonly ArrayLike<unknown>[]): ArrayLike<unknown> {
  return parts.length === 1 ? parts[0] : parts.flatMap((each) => Array.from(each));
}
