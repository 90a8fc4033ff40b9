import type { FeatureInput } from "../features/schema/features.js";
import { type Config, columnOf, pooling, separatorOf } from "./feature-parts.js";
import { normalizerOf } from "./normalizers.js";
import type { Section } from "./section.js";

/** True for a column of a sequence. */
export function isEntries(
  config: FeatureInput,
): config is Extract<FeatureInput, { kind: "sequence" | "entryBags" }> {
  return config.kind === "sequence" || config.kind === "entryBags";
}

/** What the columns of a `sequence_feature` have in common. */
export interface SequenceSettings {
  readonly name: string;
  readonly separator: string;
}

/** The settings of a `sequence_feature` beside its features. */
export function sequenceOf(section: Section): SequenceSettings {
  const name = section.text("sequence_name") ?? section.missing("sequence_name");
  section.ignore(["sequence_pk"], "concerns the store of histories when serving");
  warnOfLength(section);
  return { name, separator: section.text("sequence_delim")! };
}

/** Of the feature: whether it is mapped to ids, and whether its column has raw values. */
interface Entries {
  readonly kind: string;
  readonly isId: boolean;
  readonly raw: boolean;
  /** Separates the ids of an entry in a column that has no raw values. */
  readonly encodedSeparator: string;
}

/**
 * The settings of a column of a sequence, without its mapping to ids and its table.
 * @param sequence the one that the column is inside of; without one, it has settings of its own
 * @throws ImportError for a column that is computed, or has several values in an entry
 */
export function entriesOf(
  section: Section,
  entries: Entries,
  sequence?: SequenceSettings,
): Config & { name: string } {
  if (entries.kind !== "id_feature" && entries.kind !== "raw_feature")
    throw section.unsupported("feature_name", COMPUTED);
  const own = section.text("feature_name") ?? section.missing("feature_name");
  const prefix = sequence ? `${sequence.name}__` : "";
  const column = entries.raw ? columnOf(section, "expression") : own;
  if (!entries.raw)
    section.ignore(["expression"], "is not used: the column with the name of the feature has its values");
  if (!sequence) warnOfLength(section);
  checkEntry(section, entries);
  const name = `${prefix}${own}`;
  const separator = sequence?.separator ?? section.text("sequence_delim")!;
  const place = { name, column: `${prefix}${column}`, separator };
  if (hasBags(section, entries)) {
    const idSeparator = entries.raw ? separatorOf(section) : entries.encodedSeparator;
    return {
      kind: "entryBags",
      ...place,
      idSeparator,
      sequence: sequence?.name ?? name,
      ...pooling(section),
    };
  }
  return {
    kind: "sequence",
    ...place,
    ...(sequence && { sequence: sequence.name }),
    ...(!entries.isId && { number: entryNumber(section) }),
  };
}

/** `value_dim: 0`: an entry has any number of ids. */
const hasBags = (section: Section, { isId }: Entries): boolean =>
  isId && section.has("value_dim") && section.number("value_dim") === 0;

/** One value in each entry, or any number of ids. */
function checkEntry(section: Section, entries: Entries): void {
  const { isId } = entries;
  if ((section.number("value_dim") || 1) > 1)
    throw section.unsupported("value_dim", "Make a sequence of each value: an entry has one in Pairloom.");
  if (section.numbers("boundaries").length > 0)
    throw section.unsupported(
      "boundaries",
      "Compute the ranges in data.train.sql, and read them with num_buckets.",
    );
  if (isId) section.onlyDefault("weighted", false, "Remove it: entries have no weights.");
  const bags = hasBags(section, entries);
  if (bags && !entries.raw) section.ignore(["separator"], "has no effect: the column has encoded ids");
  if (!bags) section.ignore(["separator", "pooling"], "has no effect: an entry has one value");
  const what = bags
    ? "an entry without ids has a vector of zeros in Pairloom"
    : "an entry without a value has the row of missing values in Pairloom";
  if (isId) section.ignore(["default_value", "fg_encoded_default_value"], what);
}

function entryNumber(section: Section): Config {
  const missing = Number(section.text("default_value") || 0);
  section.ignore(["fg_encoded_default_value"], "has no effect: default_value replaces a missing number");
  const normalizer = normalizerOf(section);
  if (normalizer) throw section.unsupported("normalizer", "Normalize the numbers in data.train.sql.");
  return { missing: Number.isFinite(missing) ? missing : 0 };
}

/** TorchEasyRec keeps the first entries, where it generates features; Pairloom would keep the last ones. */
function warnOfLength(section: Section): void {
  const length = section.number("sequence_length") ?? 0;
  if (length > 0)
    section.warn(
      "sequence_length",
      `cuts sequences after ${length} entries where TorchEasyRec generates features, and Pairloom reads all of them; max of a feature keeps the last ones`,
    );
}

const COMPUTED =
  "Compute the entries in data.train.sql, and read them as a sequence_id_feature or sequence_raw_feature.";
