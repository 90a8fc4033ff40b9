import type { FittedFeatures } from "../features/fitted.js";
import { type NamedRows, rowsByValue } from "./match-rows.js";

/** A table whose vocabulary has got values. */
interface GrownTable {
  readonly before: NamedRows;
  readonly now: NamedRows;
  /** The row for unknown values, before. */
  readonly unknownRow: number | null;
}

/** By table name. */
export type GrownTables = ReadonlyMap<string, GrownTable>;

/** The tables with more values than before. */
export function grownTables(before: FittedFeatures, now: FittedFeatures): GrownTables {
  const names = Object.keys(now.vocabularies).filter(
    (table) => now.vocabularies[table].length > before.vocabularies[table].length,
  );
  return new Map(
    names.map((table) => {
      const [there, here] = [before, now].map((fitted) => rowsOf(fitted, table));
      return [table, { before: there, now: here, unknownRow: unknownRowOf(before, table) }];
    }),
  );
}

function rowsOf({ features, vocabularies }: FittedFeatures, table: string): NamedRows {
  const owner = features.find((feature) => feature.kind !== "number" && feature.table === table);
  return { values: vocabularies[table], rows: owner!.kind === "number" ? 0 : owner!.rows };
}

function unknownRowOf({ features }: FittedFeatures, table: string): number | null {
  const rows = features.flatMap((feature) =>
    feature.kind !== "number" && feature.table === table && feature.mapping.kind === "vocabulary"
      ? [feature.mapping.unknownRow]
      : [],
  );
  return rows.find((row) => row !== null) ?? null;
}

/**
 * Pairs (row here, row before). A new value starts with the weights of the row for unknown values, which it was read as until
 * now, so that the model predicts the same as before; without such a row it keeps its initial values. Its optimizer state
 * is always the initial one.
 */
export function rowPairs({ before, now, unknownRow }: GrownTable, areWeights: boolean): [number, number][] {
  const pairs = rowsByValue(now, before);
  if (!areWeights || unknownRow === null) return pairs;
  const known = before.values.length;
  const added = now.values.length - known;
  return [...pairs, ...Array.from({ length: added }, (_, i): [number, number] => [known + i, unknownRow])];
}
