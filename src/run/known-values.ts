import { type BagColumn, type ColumnSet, type IdColumn, idsOf } from "../columns/columns.js";
import type { FittedFeature } from "../features/fitted.js";
import { count } from "../show-value.js";

/** With fewer rows, all values may be new ones. */
const LEAST_ROWS = 20;
/** The share of rows with a value that must have one that the vocabulary has. */
const KNOWN_AT_LEAST = 0.1;

/** Counts the values that are in vocabularies: of ids that are written in another way than in training, hardly any is. */
export class KnownValues {
  private readonly features: readonly (readonly [Exclude<FittedFeature, { kind: "number" }>, Counts])[];

  constructor(features: readonly FittedFeature[]) {
    this.features = features.flatMap((feature) =>
      feature.kind !== "number" && feature.mapping.kind === "vocabulary"
        ? [[feature, { rows: 0, known: 0 }] as const]
        : [],
    );
  }

  add({ columns, rows }: ColumnSet): void {
    for (const [feature, counts] of this.features) {
      const column = columns.get(feature.name) as IdColumn | BagColumn;
      const unknown = "unknownRow" in feature.mapping ? feature.mapping.unknownRow : null;
      const missing = feature.kind === "id" ? feature.missingRow : undefined;
      for (let r = 0; r < rows; r++) {
        const ids = idsOf(column, r);
        if (ids.length === 0 || Number(ids[0]) === missing) continue;
        counts.rows++;
        if (ids.some((id: number | bigint) => Number(id) !== unknown)) counts.known++;
      }
    }
  }

  /** A text for each feature of which hardly any row has a value that the model knows. */
  get warnings(): string[] {
    return this.features
      .filter(([, { rows, known }]) => rows >= LEAST_ROWS && known < KNOWN_AT_LEAST * rows)
      .map(
        ([{ name }, { rows, known }]) =>
          `the model knows hardly any value of ${name} (those of ${count(known)} of ${count(rows)} rows): compare how it is written here and in the training data`,
      );
  }
}

interface Counts {
  /** With a value. */
  rows: number;
  known: number;
}
