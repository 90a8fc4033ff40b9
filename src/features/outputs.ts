import { type Block, locateIds } from "./block.js";
import type { FittedFeature, IdMapping } from "./fitted.js";
import { idAt } from "./id-target.js";
import { listValue } from "./values.js";
import { weightedIds } from "./weighted.js";

/** Mappings of texts. */
const TEXT_MAPPINGS: ReadonlySet<IdMapping["kind"]> = new Set(["hash", "vocabulary", "key"]);

/**
 * The values of a feature that other features read, one per row. A feature that hashes text or looks it up in a
 * vocabulary, or uses it as a key, passes on the raw text. Any other passes on what the model reads: normalized numbers,
 * ids, or range numbers.
 * @param raw the feature's raw values
 * @param block a block that contains the encoded feature
 */
export function featureValues(
  feature: FittedFeature,
  raw: readonly unknown[],
  block: Block,
): readonly unknown[] {
  const { layout, numbers, bags } = block;
  if (feature.kind === "number") {
    const { offset, width } = layout.numbers.find(({ name }) => name === feature.name)!;
    const at = (row: number) => row * layout.numbersWidth + offset;
    return raw.map((_, row) =>
      width === 1 ? numbers[at(row)] : [...numbers.subarray(at(row), at(row) + width)],
    );
  }
  if (TEXT_MAPPINGS.has(feature.mapping.kind)) {
    if (feature.kind === "id") return raw;
    if (feature.within) return raw.map((lists) => (lists as readonly unknown[][] | undefined)?.flat());
    const { separator = ",", weighted } = feature.reading;
    return raw.map((value) =>
      weighted ? weightedIds(value, separator)?.map(({ id }) => id) : listValue(value, separator),
    );
  }
  if (feature.kind === "id") {
    const ids = locateIds(layout, feature.name)(block);
    return raw.map((_, row) => Number(idAt(ids, row)));
  }
  const bag = bags[layout.bags.indexOf(feature.name)];
  return raw.map((_, row) => Array.from(bag.values.subarray(bag.startOf(row), bag.ends[row]), Number));
}
