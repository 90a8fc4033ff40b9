/**
 * Rows whose numbers are integers of a few bits. A row is a list of words of 32 bits: `scale` and `offset`, both fp32, then D
 * integers q, then zeros. It stands for the numbers `offset + scale q`. With 8 bits, byte d has integer d. With 4 bits, byte b has
 * integer b in its low half and integer ceil(D / 2) + b in its high half.
 */
export type QuantizedBits = 8 | 4;

export interface QuantizedAttrs {
  readonly bits: QuantizedBits;
  /** D. */
  readonly dim: number;
}

/** Words before the integers of a row. */
export const ROW_HEAD = 2;

/** Words of a cache line of 64 bytes. */
const LINE = 16;

/**
 * Words of a row: a row is in no more cache lines than its numbers are in fp32, if need be with words that are 0 at its end, where it
 * still has fewer words than numbers.
 */
export function wordsOf({ bits, dim }: QuantizedAttrs): number {
  const least = ROW_HEAD + Math.ceil((dim * bits) / 32);
  let words = least;
  while (words < dim && linesOf(words) > linesOf(dim)) words++;
  return words < dim ? words : least;
}

/** In how many cache lines a row is on average, where rows follow one another from the begin of a line. */
function linesOf(words: number): number {
  const step = Math.min(LINE, words & -words); // all multiples of it are places of rows in their line
  return 1 + (words - step) / LINE;
}

/**
 * Quantizes rows of numbers [rows, dim] to words [rows, words]: the integers of a row are equally spaced from its smallest to
 * its largest number, and each number becomes the nearest (native/cpu/tables/quantize.h has the same bits).
 */
export function quantizeRows(numbers: Float32Array, attrs: QuantizedAttrs): Float32Array {
  const { dim } = attrs;
  const words = wordsOf(attrs);
  const rows = numbers.length / dim;
  const packed = new Float32Array(rows * words);
  for (let row = 0; row < rows; row++)
    quantizeRow(
      numbers.subarray(row * dim, (row + 1) * dim),
      packed.subarray(row * words, (row + 1) * words),
      attrs,
    );
  return packed;
}

function quantizeRow(numbers: Float32Array, words: Float32Array, { bits }: QuantizedAttrs): void {
  const low = numbers.reduce((a, b) => Math.min(a, b));
  const high = numbers.reduce((a, b) => Math.max(a, b));
  const levels = 2 ** bits - 1;
  words[0] = (high - low) / levels;
  words[1] = low;
  const scale = words[0];
  const nearest = (x: number) => (scale === 0 ? 0 : Math.min(levels, Math.round((x - low) / scale)));
  const bytes = new Uint8Array(words.buffer, words.byteOffset + 4 * ROW_HEAD, 4 * (words.length - ROW_HEAD));
  const first = bits === 8 ? numbers.length : Math.ceil(numbers.length / 2);
  for (let d = 0; d < first; d++) bytes[d] = nearest(numbers[d]);
  for (let d = first; d < numbers.length; d++) bytes[d - first] |= nearest(numbers[d]) << 4;
}
