import { murmur3 } from "../murmur3.js";

/**
 * Maps text to row numbers. Keys are UTF-8 bytes: a lookup reads them in place (in a DuckDB vector or a scratch buffer)
 * without creating a JavaScript string. Open addressing, at most half full, every hit verified.
 */
export class ByteVocabulary {
  /**
   * Per slot: the hash of its text, and the text's index + 1. Empty slots are 0, 0. The number of slots is a power of
   * two.
   */
  readonly slots: Uint32Array;
  /** The start of each text in `bytes`, then the end of the last. */
  readonly starts: Float64Array;
  readonly bytes: Uint8Array;
  /** The row of each text after the first {@link size}, which are read as one of these. */
  readonly synonyms: readonly number[];
  private readonly size: number;
  private readonly mask: number;

  /**
   * @param vocabulary distinct texts; the text at index `row` gets this row
   * @param synonyms further texts that get the rows of texts of the vocabulary
   */
  constructor(vocabulary: readonly string[], synonyms: ReadonlyMap<string, number> = new Map()) {
    this.size = vocabulary.length;
    this.synonyms = [...synonyms.values()];
    const values = [...vocabulary, ...synonyms.keys()];
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(values.length * 2, 2)));
    this.mask = capacity - 1;
    this.slots = new Uint32Array(2 * capacity);
    this.starts = new Float64Array(values.length + 1);
    values.forEach((value, i) => {
      this.starts[i + 1] = this.starts[i] + Buffer.byteLength(value, "utf8");
    });
    const bytes = Buffer.allocUnsafe(this.starts[values.length]);
    this.bytes = bytes;
    values.forEach((value, i) => {
      bytes.write(value, this.starts[i], "utf8");
      this.insert(i, murmur3(bytes, this.starts[i], this.starts[i + 1]));
    });
  }

  /** The row of the text `[start, end)` of `bytes`, or -1. */
  lookup(bytes: Uint8Array, start: number, end: number): number {
    const hash = murmur3(bytes, start, end);
    for (let slot = hash & this.mask; ; slot = (slot + 1) & this.mask) {
      const index = this.slots[2 * slot + 1] - 1;
      if (index < 0 || (this.slots[2 * slot] === hash && this.equals(index, bytes, start, end)))
        return index < this.size ? index : this.synonyms[index - this.size];
    }
  }

  private insert(index: number, hash: number): void {
    let slot = hash & this.mask;
    while (this.slots[2 * slot + 1] !== 0) slot = (slot + 1) & this.mask;
    this.slots[2 * slot] = hash;
    this.slots[2 * slot + 1] = index + 1;
  }

  private equals(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.starts[index];
    if (this.starts[index + 1] - from !== end - start) return false;
    for (let i = start, j = from; i < end; i++, j++) if (bytes[i] !== this.bytes[j]) return false;
    return true;
  }
}

/** The rows of the texts that are read as a value of the vocabulary. */
export function synonymRows(
  synonyms: Readonly<Record<string, string>> | undefined,
  vocabulary: readonly string[],
): Map<string, number> {
  if (!synonyms) return new Map();
  const rowOf = new Map(vocabulary.map((value, row) => [value, row]));
  return new Map(Object.entries(synonyms).map(([text, value]) => [text, rowOf.get(value)!]));
}

/** The first synonym that is a text of the vocabulary itself, or stands for a text that it does not have; and why it is one. */
export function synonymProblem(
  synonyms: Readonly<Record<string, string>>,
  vocabulary: readonly string[],
): [text: string, value: string, problem: string] | undefined {
  const known = new Set(vocabulary);
  for (const [text, value] of Object.entries(synonyms)) {
    if (known.has(text)) return [text, value, "the vocabulary has this text"];
    if (!known.has(value)) return [text, value, "the vocabulary does not have this value"];
  }
  return undefined;
}
