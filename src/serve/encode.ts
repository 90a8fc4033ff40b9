import { DataError } from "../errors.js";
import type { BadCell, EncodedRows, Encoder } from "../features/encoder.js";
import type { FittedFeatures } from "../features/fitted.js";
import { showValue } from "../show-value.js";
import type { PlacedCells } from "./cells.js";

/** @throws DataError naming the first row with a value that a feature refuses */
export function encodeOrRefuse(encoder: Encoder, cells: PlacedCells, fitted: FittedFeatures): EncodedRows {
  const encoded = encoder.encodeCells(cells);
  if (encoded.bad.length > 0) throw refusal(encoded.bad, cells, fitted);
  return encoded;
}

function refusal(bad: readonly BadCell[], cells: PlacedCells, { features }: FittedFeatures): DataError {
  const [{ row, feature, reason }] = bad;
  const { reading } = features.find(({ name }) => name === feature)!;
  const values = reading.columns.map((name) => `${name}: ${showValue(cells.column(name)[row])}`);
  const more = bad.length > 1 ? `, and ${bad.length - 1} more rows` : "";
  return new DataError({
    what: `the feature ${feature} refuses the row${more}`,
    where: cells.where(row),
    got: `${values.join(", ")} (${reason})`,
    expected: `a value that ${feature} can read (docs/features.md)`,
    next: "Fix the row, or remove it.",
  });
}
