import type { Tensor } from "../graph/tensor.js";
import { constantRows } from "../ops/constant-rows.js";
import type { From } from "../ops/entry-places.js";
import { gatherEntries } from "../ops/gather-entries.js";
import { join } from "./embedding-layer.js";
import type { Scope } from "./scope.js";
import type { Sequence } from "./target-attention.js";

export interface EndEntries {
  /** The end of a row at which they are; the entry at the end comes first. */
  readonly from: From;
  readonly count: number;
}

/** The first or last entries of each row: entries [L, D] -> [B, count, D], with zeros where a row has fewer. */
export function endEntries(scope: Scope, { bag, entries }: Sequence, { from, count }: EndEntries): Tensor {
  const places = Array.from(
    { length: count },
    (_, value) => scope.apply(constantRows, [], { value, dims: [1] })[0],
  );
  return scope.apply(gatherEntries, [entries, join(scope, places), bag], { from })[0];
}
