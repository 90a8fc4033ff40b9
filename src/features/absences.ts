/** The values of a feature that a model cannot know: missing ones, and those without a row of their own in the table. */
export type Absence = "missing" | "unknown";

/** Numbers of rows, by feature. */
export type AbsenceCounts = Record<string, { missing: number; unknown: number }>;

const CODES = { missing: 1, unknown: 2 } as const;

/** Notes for every row of a block which features had a missing or an unknown value. */
export class Absences {
  /** By feature, a code for each row; 0 if the value is neither. */
  private readonly codes = new Map<string, Uint8Array>();

  constructor(private readonly capacity: number) {}

  mark(feature: string, row: number, absence: Absence): void {
    let codes = this.codes.get(feature);
    if (!codes) {
      codes = new Uint8Array(this.capacity);
      this.codes.set(feature, codes);
    }
    codes[row] = CODES[absence];
  }

  clear(): void {
    for (const codes of this.codes.values()) codes.fill(0);
  }

  /** Adds the rows `[start, end)` to the counts. */
  countInto(counts: AbsenceCounts, start: number, end: number): void {
    for (const [feature, codes] of this.codes) {
      counts[feature] ??= { missing: 0, unknown: 0 };
      const count = counts[feature];
      for (let r = start; r < end; r++)
        if (codes[r] === CODES.missing) count.missing++;
        else if (codes[r] === CODES.unknown) count.unknown++;
    }
  }
}
