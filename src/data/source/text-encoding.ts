import type { SourceConfig } from "../data-config.js";

/** Text in other encodings as UTF-8, a piece at a time. */

export type OtherEncoding = Exclude<NonNullable<SourceConfig["encoding"]>, "utf-8">;

/** Stands for what is no character. No UTF-8 has this byte, so the row is malformed. */
const NO_CHARACTER = Buffer.from([0xff]);

export function toUtf8(pieces: AsyncIterable<Buffer>, encoding: OtherEncoding): AsyncGenerator<Buffer> {
  switch (encoding) {
    case "latin-1":
      return fromBytes(pieces, (text) => text);
    case "windows-1252":
      return fromBytes(pieces, (text) => text.replace(/[\x80-\x9f]/g, windowsCharacter));
    case "utf-16le":
      return fromUtf16(pieces, "little");
    case "utf-16be":
      return fromUtf16(pieces, "big");
    case "utf-16":
      return fromUtf16(pieces, undefined);
  }
}

async function* fromBytes(
  pieces: AsyncIterable<Buffer>,
  characters: (text: string) => string,
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(characters(piece.toString("latin1")), "utf8");
}

/**
 * The characters of the bytes 0x80 to 0x9F in windows-1252; the other bytes are those of ISO 8859-1.
 * Source: https://encoding.spec.whatwg.org/index-windows-1252.txt
 */
const WINDOWS =
  "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f" +
  "\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";

const windowsCharacter = (byte: string) => WINDOWS[byte.charCodeAt(0) - 0x80];

export type ByteOrder = "little" | "big";

/** @param order for a file without a byte order mark */
async function* fromUtf16(
  pieces: AsyncIterable<Buffer>,
  order: ByteOrder | undefined,
): AsyncGenerator<Buffer> {
  let found: ByteOrder | undefined;
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = Buffer.concat([rest, piece]);
    const isStart = found === undefined;
    if (bytes.length >= 2) found ??= markedOrder(bytes) ?? order ?? utf16Order(bytes) ?? "little";
    const end = found ? wholeCharacters(bytes, found) : 0;
    const text = textOf(bytes.subarray(0, end), found);
    rest = bytes.subarray(end);
    yield wellFormed(isStart ? text.replace(/^\ufeff/, "") : text);
  }
  if (rest.length > 0) yield NO_CHARACTER;
}

/** By the byte order mark. */
function markedOrder([first, second]: Uint8Array): ByteOrder | undefined {
  if (first === 0xfe && second === 0xff) return "big";
  return first === 0xff && second === 0xfe ? "little" : undefined;
}

/** Whether bytes are the start of a text in UTF-16: by the byte order mark, or by the zero byte of the first letter. */
export function utf16Order(bytes: Uint8Array): ByteOrder | undefined {
  const [first, second] = bytes;
  if (bytes.length < 2) return undefined;
  const isZero = first === 0 ? "big" : "little";
  return markedOrder(bytes) ?? ((first === 0) !== (second === 0) ? isZero : undefined);
}

/** The end of the last character of which no part is missing. */
function wholeCharacters(bytes: Buffer, order: ByteOrder): number {
  const end = bytes.length - (bytes.length % 2);
  const highByte = bytes[order === "little" ? end - 1 : end - 2];
  const isHighSurrogate = end > 0 && highByte >= 0xd8 && highByte <= 0xdb;
  return isHighSurrogate ? end - 2 : end;
}

function textOf(bytes: Buffer, order: ByteOrder | undefined): string {
  return (order === "big" ? Buffer.from(bytes).swap16() : bytes).toString("utf16le");
}

/** Halves of a surrogate pair alone are no characters. */
function wellFormed(text: string): Buffer {
  const parts = text.split(/\p{Surrogate}/u).map((part) => Buffer.from(part, "utf8"));
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [NO_CHARACTER, part])));
}
