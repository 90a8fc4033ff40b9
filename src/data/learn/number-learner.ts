import { DataError } from "../../errors.js";
import { learntBins, needsNumberStatistics, type Statistics, transformOf } from "../../features/fit.js";
import {
  type BagConfig,
  learntQuantiles,
  type NumberFeatureConfig,
  type PlainFeatureConfig,
  tableName,
} from "../../features/schema/features.js";
import { compileTransform } from "../../features/transform.js";
import { Moments } from "./moments.js";
import { quantileBoundaries, quantileEdges } from "./quantiles.js";
import { mapCounts, ValueCounts } from "./value-counts.js";

/** True if the feature learns statistics or boundaries from its numbers. */
export function learnsNumbers(feature: PlainFeatureConfig): feature is NumberFeatureConfig {
  return needsNumberStatistics(feature) || (learntQuantiles(feature) ?? learntBins(feature)) !== undefined;
}

/** Learns from the numbers of any features; features that share a table share its boundaries. */
export class NumberLearner {
  private readonly moments: (readonly [Named<BagConfig | NumberFeatureConfig>, Moments])[] = [];
  /** By table. */
  private readonly counts = new Map<string, readonly [Named, ValueCounts]>();
  private readonly binned: (readonly [Named, ValueCounts])[] = [];

  /** Returns the function that takes every number of a feature, in the order of the rows. */
  observer(feature: NumberFeatureConfig, index: number): (x: number) => void {
    const counts = this.countsOf({ feature, index });
    if (!needsNumberStatistics(feature)) return (x) => counts?.add(x);
    const moments = this.momentsOf(feature, index);
    return (x) => {
      moments.add(x);
      counts?.add(x);
    };
  }

  /** Returns the function that takes every number of the entries of a sequence. */
  entryObserver(feature: BagConfig, index: number): (x: number) => void {
    const moments = this.momentsOf(feature, index);
    return (x) => moments.add(x);
  }

  private momentsOf(feature: BagConfig | NumberFeatureConfig, index: number): Moments {
    const moments = new Moments();
    this.moments.push([{ feature, index }, moments]);
    return moments;
  }

  private countsOf(named: Named): ValueCounts | undefined {
    if (learntBins(named.feature) !== undefined) {
      const binned = [named, new ValueCounts()] as const;
      this.binned.push(binned);
      return binned[1];
    }
    if (learntQuantiles(named.feature) === undefined) return undefined;
    const table = tableName(named.feature);
    const [, counts] = this.counts.get(table) ?? [named, new ValueCounts()];
    this.counts.set(table, [named, counts]);
    return counts;
  }

  /** @throws DataError if a feature had no finite number */
  learned(): Pick<Statistics, "numbers" | "boundaries" | "edges"> {
    const moments = this.moments.map(([named, moments]) => {
      const statistics = moments.statistics();
      if (!statistics) throw noNumber(named);
      return [named.feature.name, statistics] as const;
    });
    const boundaries = [...this.counts].map(([table, [named, counts]]) => {
      const sorted = counts.sorted();
      if (sorted.values.length === 0) throw noNumber(named);
      return [table, quantileBoundaries(sorted, learntQuantiles(named.feature)!)] as const;
    });
    const numbers = Object.fromEntries(moments);
    const edges = this.binned.map(([named, counts]) => {
      const modelled = mapCounts(counts.sorted(), compileTransform(transformOf(named.feature, { numbers })));
      if (modelled.values.length === 0) throw noNumber(named);
      return [named.feature.name, quantileEdges(modelled, learntBins(named.feature)!)] as const;
    });
    return {
      numbers,
      ...(boundaries.length > 0 && { boundaries: Object.fromEntries(boundaries) }),
      ...(edges.length > 0 && { edges: Object.fromEntries(edges) }),
    };
  }
}

/** A feature, and its index in the config. */
interface Named<Feature = NumberFeatureConfig> {
  readonly feature: Feature;
  readonly index: number;
}

function noNumber({ feature: { name }, index }: Named<{ readonly name: string }>): DataError {
  return new DataError({
    what: "the training split has no finite number to learn from",
    where: `features[${index}]`,
    got: `no finite value in ${name}`,
    expected: "at least one finite value",
    next: "Check the column, or give the numbers: normalize: { mean, std } or { min, max }, missing, boundaries: [...].",
  });
}
