import type { Block } from "./block.js";
import type { FittedFeature } from "./fitted.js";
import { listValue } from "./values.js";
import { weightedIds } from "./weighted.js";

/**
 * What other features read of a feature, one value a row: the texts that it hashes or looks up in a vocabulary as they
 * are; else what the model reads, numbers after normalising, ids and the ranges of boundaries.
 *
 * @param raw the feature's own raw values
 * @param block with the feature encoded
 */
export function featureValues(
  feature: FittedFeature,
  raw: readonly unknown[],
  block: Block,
): readonly unknown[] {
  const { layout, ids, numbers, bags } = block;
  if (feature.kind === "number") {
    const { offset, width } = layout.numbers.find(({ name }) => name === feature.name)!;
    const at = (row: number) => row * layout.numbersWidth + offset;
    return raw.map((_, row) =>
      width === 1 ? numbers[at(row)] : [...numbers.subarray(at(row), at(row) + width)],
    );
  }
  if (feature.mapping.kind === "hash" || feature.mapping.kind === "vocabulary") {
    if (feature.kind === "id") return raw;
    const { separator = ",", weighted } = feature.reading;
    return raw.map((value) =>
      weighted ? weightedIds(value, separator)?.map(({ id }) => id) : listValue(value, separator),
    );
  }
  if (feature.kind === "id") {
    const offset = layout.ids.indexOf(feature.name);
    return raw.map((_, row) => ids[row * layout.ids.length + offset]);
  }
  const bag = bags[layout.bags.indexOf(feature.name)];
  return raw.map((_, row) => [...bag.values.subarray(bag.startOf(row), bag.ends[row])]);
}
