import { MISSING_KEY } from "../graph/translation.js";
import { murmur3Wide } from "../murmur3.js";
import { Refusal, type RefusalCode } from "./refusal.js";

/**
 * Keys of dynamic tables: 64 bits for each canonical text. An integer is its own key, so that it is the same from every
 * type of column; any other text has its 64-bit hash.
 */

/** Digits of an integer that a double holds. */
const SAFE_DIGITS = 15;
/** The keys of integers reach from its negative to this. */
const LARGEST_KEY = -1n - MISSING_KEY;
const MOST_DIGITS = String(LARGEST_KEY).length;

const [MINUS, ZERO, NINE] = [..."-09"].map((character) => character.charCodeAt(0));

/**
 * The key of a canonical text, given as UTF-8 bytes `[start, end)`; a refusal for an integer that no key has.
 * @see native/ingest/columns.cc, which does the same for whole columns
 */
export function keyOf(bytes: Uint8Array, start: number, end: number): bigint | RefusalCode {
  if (!isInteger(bytes, start, end)) return hashKey(bytes, start, end);
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (end - first > MOST_DIGITS) return Refusal.keyRange;
  const middle = Math.min(end, first + SAFE_DIGITS);
  const high = BigInt(digits(bytes, first, middle));
  const value = high * 10n ** BigInt(end - middle) + BigInt(digits(bytes, middle, end));
  if (value > LARGEST_KEY) return Refusal.keyRange;
  return isNegative ? -value : value;
}

/** True for digits as an integer has them: no zero before them, and a minus sign or none. */
function isInteger(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === MINUS ? start + 1 : start;
  if (first >= end || (bytes[first] === ZERO && end - start > 1)) return false;
  for (let i = first; i < end; i++) if (bytes[i] < ZERO || bytes[i] > NINE) return false;
  return true;
}

function digits(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 10 + bytes[i] - ZERO;
  return value;
}

function hashKey(bytes: Uint8Array, start: number, end: number): bigint {
  const hash = BigInt.asIntN(64, murmur3Wide(bytes, start, end));
  return hash === MISSING_KEY ? hash + 1n : hash;
}
