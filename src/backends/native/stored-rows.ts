import type { Addon } from "../../native/addon.js";
import type { StoredRowsSpec, Translation } from "../backend.js";
import { fillOf, type NativeMemory } from "./memory.js";
import type { NativeTranslation } from "./translation.js";

/** Of rows that are not quantized. */
const NUMBERS = { bits: 0, dim: 0 };

/** Lets programs find rows of a checkpoint (native/cpu/tiers/stored_rows.h). */
export function putInStoredRows(
  addon: Addon,
  translation: Translation,
  { rows, stored, columns }: StoredRowsSpec,
): void {
  const settings = columns.flatMap(({ width, init, seed, stream, quantized: { bits, dim } = NUMBERS }) => {
    return [width, ...fillOf(init), seed, stream, bits, dim];
  });
  const memories = columns.map(({ memory }) => (memory as NativeMemory).handle);
  addon.putInStoredRows(
    (translation as NativeTranslation).handle,
    stored,
    memories,
    Float64Array.of(rows, ...settings),
  );
}
