import { ownValue } from "../own-value.js";

/** Numbers of entries, by feature. */
export type EntryCounts = Record<string, number>;

/** Notes for every row of a block how many entries its sequences have, and how many of them were cut. */
export class SequenceNotes {
  /** By sequence, one more than the entries of each row; 0 before a column of it is read. */
  private readonly lengths = new Map<string, Uint32Array>();
  /** By feature, the entries of each row beyond its maximum. */
  private readonly cuts = new Map<string, Uint32Array>();

  constructor(private readonly capacity: number) {}

  /** True if the columns of the sequence that were read before have as many entries in the row. */
  agrees(sequence: string, row: number, entries: number): boolean {
    const lengths = this.ofName(this.lengths, sequence);
    lengths[row] ||= entries + 1;
    return lengths[row] === entries + 1;
  }

  cut(feature: string, row: number, entries: number): void {
    if (entries > 0) this.ofName(this.cuts, feature)[row] = entries;
  }

  clear(): void {
    for (const notes of [...this.lengths.values(), ...this.cuts.values()]) notes.fill(0);
  }

  /** Adds the entries cut from rows `[start, end)` to the counts. */
  countInto(counts: EntryCounts, start: number, end: number): void {
    for (const [feature, cuts] of this.cuts)
      for (let r = start; r < end; r++)
        if (cuts[r] > 0) counts[feature] = (ownValue(counts, feature) ?? 0) + cuts[r];
  }

  private ofName(notes: Map<string, Uint32Array>, name: string): Uint32Array {
    const found = notes.get(name) ?? new Uint32Array(this.capacity);
    notes.set(name, found);
    return found;
  }
}
