import type { Addon, TierHandle } from "../../native/addon.js";
import type { Memory, Tier, TierSpec, TierStatistics, Translation } from "../backend.js";
import { NativeMemory, numbersOfColumns } from "./memory.js";
import type { NativeTranslation } from "./translation.js";

const DTYPE_CODES = { fp32: 0, fp16: 1, bf16: 2 } as const;

/** A tier of the native core (native/cpu/tiers/). */
export class NativeTier implements Tier {
  readonly memories: readonly Memory[];
  readonly rows: number;
  private readonly handle: TierHandle;

  constructor(
    private readonly addon: Addon,
    { directory, rows, memory, byKey, shard, columns }: TierSpec,
  ) {
    this.rows = rows;
    const settings = columns.flatMap(({ dtype, ...part }) => [DTYPE_CODES[dtype], ...numbersOfColumns(part)]);
    this.handle = addon.makeTier(
      directory,
      Float64Array.of(rows, memory, Number(byKey ?? false), ...settings),
      shard,
    );
    this.memories = columns.map(
      ({ dtype, width, columns: [begin, end] = [0, width] }, i) =>
        new NativeMemory(addon, addon.tierParameter(this.handle, i), rows * (end - begin), dtype),
    );
  }

  put(translation: Translation): void {
    this.addon.putInTier(this.handle, (translation as NativeTranslation).handle);
  }

  touched(): BigUint64Array {
    return this.addon.touchedRows(this.handle);
  }

  statistics(): TierStatistics {
    const [frames, lookups, hits, prefetched, ...ofFile] = this.addon.tierStatistics(this.handle);
    const [reads, writes, bytesRead, bytesWritten, recordBytes, allocated] = ofFile;
    return {
      ...{ frames, lookups, hits, prefetched },
      ...{ reads, writes, bytesRead, bytesWritten, recordBytes, allocated },
    };
  }
}
