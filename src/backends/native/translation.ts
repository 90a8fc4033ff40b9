import type { Translation, TranslationSpec } from "../../graph/translation.js";
import type { Addon, TranslationHandle } from "../../native/addon.js";

/** A translation of the native core. Freed when neither this object nor an executable refers to it. */
export class NativeTranslation implements Translation {
  readonly handle: TranslationHandle;
  readonly rows: number;

  constructor(
    private readonly addon: Addon,
    spec: TranslationSpec,
  ) {
    this.rows = spec.kind === "permutation" ? spec.rows.length : spec.rows;
    this.handle =
      spec.kind === "permutation"
        ? addon.makePermutation(BigInt64Array.from(spec.rows, BigInt))
        : addon.makeFirstCome(spec.rows);
  }

  translate(ids: readonly number[]): number[] {
    return Array.from(this.addon.translateIds(this.handle, BigInt64Array.from(ids, BigInt)), Number);
  }

  state(): BigInt64Array {
    return this.addon.translationState(this.handle);
  }

  restore(state: BigInt64Array): void {
    this.addon.restoreTranslation(this.handle, state);
  }
}
