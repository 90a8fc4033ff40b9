import type { BagColumn, ColumnSet, IdColumn } from "../columns/columns.js";
import type { FittedFeature } from "../features/fitted.js";
import { count } from "../show-value.js";

/** With fewer rows, all values may be new ones. */
const LEAST_ROWS = 20;
/** The share of rows with a value that must have one that the vocabulary has. */
const KNOWN_AT_LEAST = 0.1;

/** Counts the values that are in vocabularies: of ids that are written in another way than in training, hardly any is. */
export class KnownValues {
  private readonly features: readonly Counted[];

  constructor(features: readonly FittedFeature[]) {
    this.features = features.flatMap((feature) => {
      if (feature.kind === "number" || feature.mapping.kind !== "vocabulary") return [];
      const missing = feature.kind === "id" ? feature.missingRow : null;
      return [{ name: feature.name, missing, unknown: feature.mapping.unknownRow, rows: 0, known: 0 }];
    });
  }

  add({ columns, rows }: ColumnSet): void {
    for (const feature of this.features) {
      const column = columns.get(feature.name) as IdColumn | BagColumn;
      if (column.kind === "id") addIds(feature, column, rows);
      else addBags(feature, column, rows);
    }
  }

  /** A text for each feature of which hardly any row has a value that the model knows. */
  get warnings(): string[] {
    return this.features
      .filter(({ rows, known }) => rows >= LEAST_ROWS && known < KNOWN_AT_LEAST * rows)
      .map(
        ({ name, rows, known }) =>
          `the model knows hardly any value of ${name} (those of ${count(known)} of ${count(rows)} rows): compare how it is written here and in the training data`,
      );
  }
}

interface Counted {
  readonly name: string;
  /** The id of a missing value, and that of one without a row of its own. */
  readonly missing: unknown;
  readonly unknown: number | null;
  /** Those with a value. */
  rows: number;
  known: number;
}

function addIds(counted: Counted, { data, offset, stride }: IdColumn, rows: number): void {
  for (let r = 0; r < rows; r++) {
    const id = Number(data[offset + r * stride]);
    if (id === counted.missing) continue;
    counted.rows++;
    if (id !== counted.unknown) counted.known++;
  }
}

function addBags(counted: Counted, { values, offsets }: BagColumn, rows: number): void {
  for (let r = 0; r < rows; r++) {
    const [begin, end] = [Number(offsets[r]), Number(offsets[r + 1])];
    if (begin === end) continue;
    counted.rows++;
    let i = begin;
    while (i < end && Number(values[i]) === counted.unknown) i++;
    if (i < end) counted.known++;
  }
}
