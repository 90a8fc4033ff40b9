import type { Addon } from "../../native/addon.js";
import type { StoredRowsSpec, Translation } from "../backend.js";
import { type NativeMemory, numbersOfInitializer } from "./memory.js";
import type { NativeTranslation } from "./translation.js";

const FILL_CODES = { constant: 0, uniform: 1, normal: 2 } as const;

/** Lets programs find rows of a checkpoint (native/cpu/tiers/stored_rows.h). */
export function putInStoredRows(
  addon: Addon,
  translation: Translation,
  { rows, stored, columns }: StoredRowsSpec,
): void {
  const settings = columns.flatMap(({ width, init, seed, stream }) => {
    const { kind, a, b } = numbersOfInitializer(init);
    return [width, FILL_CODES[kind], a, b, seed, stream];
  });
  const memories = columns.map(({ memory }) => (memory as NativeMemory).handle);
  addon.putInStoredRows(
    (translation as NativeTranslation).handle,
    stored,
    memories,
    Float64Array.of(rows, ...settings),
  );
}
