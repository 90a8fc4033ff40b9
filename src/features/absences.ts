import { ownValue } from "../own-value.js";

/** The values of a feature that a model cannot know: missing ones, and those without a row of their own in the table. */
export type Absence = "missing" | "unknown";

/** Numbers of rows, by feature. */
export type AbsenceCounts = Record<string, { missing: number; unknown: number }>;

/** One bit each, so that they are counted without a decision for each row. */
export const ABSENCE_CODES = { missing: 1, unknown: 2 } as const satisfies Record<Absence, number>;

/** Notes for every row of a block which features had a missing or an unknown value. */
export class Absences {
  /** By feature, a code for each row; 0 if the value is neither. */
  private readonly codes = new Map<string, Uint8Array>();

  constructor(private readonly capacity: number) {}

  mark(feature: string, row: number, absence: Absence): void {
    this.of(feature)[row] = ABSENCE_CODES[absence];
  }

  /** The codes of a feature by row, to write many. */
  of(feature: string): Uint8Array {
    let codes = this.codes.get(feature);
    if (!codes) {
      codes = new Uint8Array(this.capacity);
      this.codes.set(feature, codes);
    }
    return codes;
  }

  clear(): void {
    for (const codes of this.codes.values()) codes.fill(0);
  }

  /** Adds the rows `[start, end)` to the counts. */
  countInto(counts: AbsenceCounts, start: number, end: number): void {
    for (const [feature, codes] of this.codes) {
      let missing = 0;
      let unknown = 0;
      for (let r = start; r < end; r++) {
        missing += codes[r] & 1;
        unknown += codes[r] >> 1;
      }
      if (missing + unknown === 0) continue;
      const before = ownValue(counts, feature) ?? { missing: 0, unknown: 0 };
      counts[feature] = { missing: before.missing + missing, unknown: before.unknown + unknown };
    }
  }
}
