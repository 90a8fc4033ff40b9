import type { DynamicSpec, TranslationSpec } from "../../graph/translation.js";
import type { Addon, TranslationHandle } from "../../native/addon.js";
import type { Translation } from "../backend.js";

/** A translation of the native core. Freed when neither this object nor an executable refers to it. */
export class NativeTranslation implements Translation {
  constructor(
    protected readonly addon: Addon,
    readonly handle: TranslationHandle,
    readonly rows: number,
  ) {}

  translate(ids: BigInt64Array): Float64Array {
    return this.addon.translateIds(this.handle, ids);
  }

  state(): BigInt64Array {
    return this.addon.translationState(this.handle);
  }

  restore(state: BigInt64Array): void {
    this.addon.restoreTranslation(this.handle, state);
  }
}

export function fixedTranslation(
  addon: Addon,
  spec: Exclude<TranslationSpec, DynamicSpec>,
): NativeTranslation {
  const rows = spec.kind === "permutation" ? spec.rows.length : spec.rows;
  return new NativeTranslation(addon, handleOf(addon, spec), rows);
}

function handleOf(addon: Addon, spec: Exclude<TranslationSpec, DynamicSpec>): TranslationHandle {
  switch (spec.kind) {
    case "permutation":
      return addon.makePermutation(BigInt64Array.from(spec.rows, BigInt));
    case "firstCome":
      return addon.makeFirstCome(spec.rows);
    case "quotient":
      return addon.makeQuotient(spec.by, spec.rows);
    case "remainder":
      return addon.makeRemainder(spec.by, spec.rows);
  }
}
