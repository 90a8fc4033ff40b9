import type { Tier, TierStatistics } from "../backends/backend.js";
import { ownValue } from "../own-value.js";

/** What a report says of a table of which memory has only some rows. Counted by the process that trained last; of several ranks, by rank 0. */
export interface TierReport extends TierStatistics {
  /** Of the table. */
  readonly rows: number;
}

/** By the name of the table. */
export type TierReports = Readonly<Record<string, TierReport>>;

export function tierReports(tiers: ReadonlyMap<string, Tier>): TierReports {
  return Object.fromEntries(
    [...tiers].map(([name, tier]) => [name, { rows: tier.rows, ...tier.statistics() }]),
  );
}

/**
 * The values for the logs, such as `user.bytesRead`. Bytes are counted since the process began; the shares are those of the
 * lookups since the last measurement, and absent if there were none.
 */
export function tierValues(now: TierReports, before: TierReports): Record<string, number> {
  const values = Object.entries(now).flatMap(([name, tier]) => {
    const { lookups = 0, hits = 0, prefetched = 0 } = ownValue(before, name) ?? {};
    const looked = tier.lookups - lookups;
    const shares = {
      memoryHitRate: (tier.hits - hits) / looked,
      prefetchedRate: (tier.prefetched - prefetched) / looked,
    };
    const { reads, writes, bytesRead, bytesWritten, allocated } = tier;
    const shown = { reads, writes, bytesRead, bytesWritten, allocated, ...(looked > 0 && shares) };
    return Object.entries(shown).map(([value, number]) => [`${name}.${value}`, number] as const);
  });
  return Object.fromEntries(values);
}
