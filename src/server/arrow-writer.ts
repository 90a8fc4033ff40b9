import { columnFromArray, tableFromColumns, tableToIPC } from "@uwdata/flechette";

/** Columns of as many rows each, all of them numbers of four bytes. */
type Columns = Readonly<Record<string, Int32Array | Float32Array>>;

/** Streams of up to this number of rows are kept as templates. */
const MOST_ROWS = 512;
/** Bytes to a multiple of which columns are padded. */
const ALIGNMENT = 8;
/** Bytes of a mark and a length: they begin a message, and end the stream. */
const [HEAD, END] = [8, 8];

/** By names, types and rows: a stream without its values. */
const templates = new Map<string, Buffer>();

/** Columns without nulls as a stream of Arrow: streams of the same names and rows differ in the values alone. */
export function writeArrow(columns: Columns): Uint8Array {
  const all = Object.values(columns);
  const [{ length: rows }] = all;
  if (rows === 0) return withoutRows(columns);
  if (rows > MOST_ROWS) return encode(columns);
  const stream = Buffer.from(templateOf(columns, rows));
  const size = Math.ceil((rows * 4) / ALIGNMENT) * ALIGNMENT;
  let at = stream.length - END - all.length * size;
  for (const values of all) {
    stream.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += size;
  }
  return stream;
}

/** The library writes no columns without rows: the schema and the end of a stream with a row. */
function withoutRows(columns: Columns): Buffer {
  const oneRow = Object.entries(columns).map(([name, values]) => [
    name,
    new (values.constructor as Int32ArrayConstructor)(1),
  ]);
  const stream = Buffer.from(encode(Object.fromEntries(oneRow)));
  return Buffer.concat([stream.subarray(0, HEAD + stream.readInt32LE(4)), stream.subarray(-END)]);
}

function templateOf(columns: Columns, rows: number): Buffer {
  const forms = Object.entries(columns).map(([name, values]) => [name, values.constructor.name]);
  const key = JSON.stringify([rows, forms]);
  const known = templates.get(key);
  if (known) return known;
  const template = Buffer.from(encode(columns));
  templates.set(key, template);
  return template;
}

function encode(columns: Columns): Uint8Array {
  const arrays = Object.entries(columns).map(([name, values]) => [name, columnFromArray(values)]);
  return tableToIPC(tableFromColumns(Object.fromEntries(arrays)), { format: "stream" })!;
}
