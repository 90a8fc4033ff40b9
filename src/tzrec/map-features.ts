import { isDeepStrictEqual } from "node:util";
import type { FeatureInput } from "../features/schema/features.js";
import { KINDS } from "./feature-kinds.js";
import {
  bounded,
  type Config,
  defaultNumber,
  numbersIn,
  pooling,
  standIn,
  vector,
  weighted,
} from "./feature-parts.js";
import { initializerOf } from "./initializers.js";
import type { DataSettings } from "./map-data.js";
import { hasMapping, type IdRows, idRows } from "./map-ids.js";
import { entriesOf, isEntries, type SequenceSettings, sequenceOf } from "./map-sequences.js";
import type { Section } from "./section.js";

type TableRows = Omit<IdRows, "mapping">;

/** A feature of a pipeline config, converted. */
export interface ImportedFeature {
  readonly config: FeatureInput;
  /** The feature's table in TorchEasyRec: its name in the state dict, and its rows. */
  readonly table?: { readonly name: string } & TableRows;
  /** True if it is missing in masked samples. */
  readonly masked: boolean;
  /** True if the model reads an embedding, from a table or of numbers. */
  readonly isEmbedded: boolean;
  /** Numbers per row for the model: the embedding dimension, or the width of plain numbers. */
  readonly width: number;
}

type Columns = Pick<DataSettings, "columns" | "encodedSeparator" | "maskRate">;

/** `feature_configs`. @throws ImportError */
export function mapFeatures(root: Section, columns: Columns): ImportedFeature[] {
  const mapped = root.sections("feature_configs").flatMap((section) => featuresOf(section, columns));
  refuseRepeated(mapped);
  const features = aligned(
    mapped.map(({ feature, section }) => ({ ...feature, masked: isMasked(section, feature, columns) })),
    sequenceGroups(root),
  );
  warnOfRanges(root, features);
  return features.map((feature) => withSharedTable(feature, features));
}

/** There the value of the first column is missing in masked samples. */
function isMasked(section: Section, { config }: MappedFeature, { maskRate }: Columns): boolean {
  if (maskRate === 0) section.ignore(["use_mask"], "has no effect without sample_mask_prob in data_config");
  const masked = section.boolean("use_mask") ?? false;
  if (masked && maskRate > 0 && !PLAIN.includes(config.kind))
    section.warn(
      "use_mask",
      "hides the first input of a feature in TorchEasyRec; in Pairloom all inputs of a masked feature are missing",
    );
  return masked;
}

const PLAIN = ["id", "ids", "number", "sequence", "entryBags"];

/** The names in each `sequence_groups`. */
function sequenceGroups(root: Section): string[][] {
  const groups = root.section("model_config")?.sections("feature_groups") ?? [];
  return groups
    .flatMap((group) => group.sections("sequence_groups"))
    .map((group) => group.texts("feature_names"));
}

/** The sequences that encoders read together are one, whose columns have as many entries in a row. */
function aligned(features: readonly ImportedFeature[], groups: readonly string[][]): ImportedFeature[] {
  const own = features.flatMap(({ config }) =>
    isEntries(config) ? [[config.name, config.sequence ?? config.name] as const] : [],
  );
  const sequences = new Map(own);
  for (const names of groups) {
    const together = names.flatMap((name) => sequences.get(name) ?? []);
    for (const [name, sequence] of sequences)
      if (together.includes(sequence)) sequences.set(name, together[0]);
  }
  return features.map((feature) => {
    const sequence = sequences.get(feature.config.name);
    const isOther = sequence !== undefined && sequence !== feature.config.name;
    return isOther ? { ...feature, config: { ...feature.config, sequence } as FeatureInput } : feature;
  });
}

type MappedFeature = Omit<ImportedFeature, "masked">;

/** A feature, and the section that it is from. */
interface Mapped {
  readonly feature: MappedFeature;
  readonly section: Section;
}

function featuresOf(section: Section, columns: Columns): Mapped[] {
  const kind = section.names[0] ?? section.neededOf("feature");
  const feature = section.section(kind)!;
  if (kind === "sequence_feature") return columnsOfSequence(feature, columns);
  const [, entries] = /^sequence_(\w+)$/.exec(kind) ?? [];
  if (entries) return [{ feature: mapSequence(feature, entries, columns), section: feature }];
  const map = KINDS[kind];
  if (map) return [{ feature: mapFeature(feature, kind, map, columns), section: feature }];
  throw section.error(kind, {
    what: "this kind of feature has no counterpart",
    got: feature.text("feature_name"),
    expected: Object.keys(KINDS).join(", "),
    next: "Remove the feature, or compute its value in data.train.sql.",
  });
}

/** The features of a `sequence_feature`: columns of one sequence. */
function columnsOfSequence(section: Section, columns: Columns): Mapped[] {
  const sequence = sequenceOf(section);
  return section.sections("features").map((each) => {
    const kind = each.names[0] ?? each.neededOf("feature");
    const feature = each.section(kind)!;
    return { feature: mapSequence(feature, kind, columns, sequence), section: feature };
  });
}

/** A column of a sequence. @param sequence the one that the column is inside of */
function mapSequence(
  section: Section,
  kind: string,
  columns: Columns,
  sequence?: SequenceSettings,
): MappedFeature {
  common(section, kind);
  const isId = givesIds(section, kind);
  const { encodedSeparator } = columns;
  const entries = { kind, isId, raw: columns.columns === "raw", encodedSeparator };
  const settings = entriesOf(section, entries, sequence);
  ignoreUnused(section, { embedded: isId, isId, columns: columns.columns });
  if (!isId) return { config: settings as unknown as FeatureInput, isEmbedded: false, width: 1 };
  const rows = idRows(section);
  const dim = section.number("embedding_dim") ?? section.missing("embedding_dim");
  const mapping = areRows(rows, columns) ? { buckets: rows.rows } : rows.mapping;
  const table = { ...tableSettings(section, [rows.rows, dim]), ...dtypeOf(section) };
  const config = { ...settings, ...mapping, ...table } as unknown as FeatureInput;
  return { config, table: tableOf(section, config.name, rows, columns), isEmbedded: true, width: dim };
}

/** Before the groups of the model, which find features by name. */
function refuseRepeated(mapped: readonly Mapped[]): void {
  const names = mapped.map(({ feature }) => feature.config.name);
  for (const [i, { section }] of mapped.entries()) {
    if (names[i] !== "" && names.indexOf(names[i]) === i) continue;
    throw section.error("feature_name", {
      what: names[i] === "" ? "the name is empty" : "another feature has this name",
      next: "Give every feature a name of its own.",
    });
  }
}

/** Rows that TorchEasyRec trains on, with a warning per row, and Pairloom quarantines. */
function warnOfRanges(root: Section, features: readonly ImportedFeature[]): void {
  const bounded = features.filter(({ config }) => "buckets" in config).map(({ config }) => config.name);
  if (bounded.length === 0) return;
  root.warn(
    "feature_configs",
    `have ids in a range (${bounded.join(", ")}): a row with an id outside is refused in Pairloom, while TorchEasyRec takes the id 0; outOfRange: "bucket" of a feature gives such ids a row of their own`,
  );
}

/** In TorchEasyRec all features with one table name share it; the default name is `<feature>_emb`. */
function withSharedTable(feature: ImportedFeature, all: readonly ImportedFeature[]): ImportedFeature {
  const { table } = feature;
  const sharing = table ? all.filter((other) => other.table?.name === table.name) : [];
  if (sharing.length < 2) return feature;
  const shared = withSharedDefault(feature, sharing);
  return { ...shared, config: { ...shared.config, embedding: table!.name } as FeatureInput };
}

/**
 * Defaults outside the vocabulary have the same row in TorchEasyRec, whatever their words are. Here this row is the word of
 * the first feature of the table that has such a default, and the others are its synonyms.
 */
function withSharedDefault(feature: ImportedFeature, sharing: readonly ImportedFeature[]): ImportedFeature {
  const first = sharing.find(({ table }) => table!.ownDefault !== undefined);
  if (!first || first === feature || !sharing.every((other) => hasSameWords(other, first))) return feature;
  const [own, word] = [feature.table!.ownDefault, first.table!.ownDefault!];
  const { vocabulary } = first.config as Vocabulary;
  const table = { ...feature.table!, order: first.table!.order, ownDefault: word };
  const { synonyms } = feature.config as Vocabulary;
  const more = own !== undefined && own !== word && { synonyms: { ...synonyms, [own]: word } };
  return { ...feature, config: { ...feature.config, vocabulary, ...more } as FeatureInput, table };
}

interface Vocabulary {
  readonly vocabulary?: unknown;
  readonly synonyms?: Readonly<Record<string, string>>;
}

const hasSameWords = (a: ImportedFeature, b: ImportedFeature): boolean =>
  a.table!.rows === b.table!.rows && isDeepStrictEqual(wordsOf(a), wordsOf(b));

function wordsOf({ config, table }: ImportedFeature): unknown {
  const { vocabulary } = config as Vocabulary;
  return Array.isArray(vocabulary) ? vocabulary.filter((word) => word !== table!.ownDefault) : vocabulary;
}

function mapFeature(
  section: Section,
  kind: string,
  map: (section: Section) => Config,
  columns: Columns,
): MappedFeature {
  const name = section.text("feature_name") ?? section.missing("feature_name");
  common(section, kind);
  const isId = givesIds(section, kind);
  const boundaries = section.numbers("boundaries");
  const embedded = isId || boundaries.length > 0;
  const rows: TableRows = isId ? idRows(section) : { rows: boundaries.length + 1, sameRows: true };
  const dim = section.number("embedding_dim") ?? 0;
  if (embedded && dim === 0) section.missing("embedding_dim");
  const settings = embedded ? { ...tableSettings(section, [rows.rows, dim]), ...dtypeOf(section) } : {};
  const input = columns.columns === "raw" ? map(section) : encoded(section, name, isId, rows.rows, columns);
  ignoreUnused(section, { embedded, isId, columns: columns.columns });
  const dense = embedded ? {} : denseEmbedding(section, dim);
  const config = { kind: input.kind, name, ...input, ...settings, ...dense } as unknown as FeatureInput;
  if (dense.denseEmbedding) return { config, isEmbedded: true, width: dim };
  if (!embedded) return { config, isEmbedded: false, width: section.number("value_dim") || 1 };
  return { config, table: tableOf(section, name, rows, columns), isEmbedded: true, width: dim };
}

/** True if the ids of the data are the rows themselves. */
const areRows = ({ isDynamic }: TableRows, { columns }: Columns) => columns === "encoded" && !isDynamic;

/** The table of a feature in TorchEasyRec. */
function tableOf(
  section: Section,
  name: string,
  rows: TableRows,
  columns: Columns,
): ImportedFeature["table"] {
  const own = areRows(rows, columns) ? { rows: rows.rows, sameRows: true as const } : rows;
  return { name: section.text("embedding_name") ?? `${name}_emb`, ...own };
}

/** Settings without an effect on this feature, there and here. */
function ignoreUnused(
  section: Section,
  { embedded, isId, columns }: { embedded: boolean; isId: boolean; columns: Columns["columns"] },
): void {
  section.ignore(SEQUENCE, "has no effect on this feature");
  if (columns !== "encoded") section.ignore(["fg_encoded_default_value"], "has an effect with FG_NONE only");
  if (!section.has("vocab_file")) section.ignore(["asset_dir"], "has no effect without vocab_file");
  if (["vocab_list", "vocab_dict", "vocab_file"].every((name) => !section.has(name)))
    section.ignore(["default_bucketize_value"], "has no effect without a vocabulary");
  if (embedded) section.ignore(DENSE_EMBEDDINGS, "has no effect: ids and boundaries have a table");
  else section.ignore(TABLES, "has no effect: the feature has no table");
  if (!embedded && DENSE_EMBEDDINGS.every((name) => !section.has(name)))
    section.ignore(["embedding_dim"], "has no effect: the feature has no embedding");
  if (isId && (section.number("value_dim") ?? 0) > 1)
    section.ignore(["value_dim"], "has no effect: a row may have any number of ids");
}

const SEQUENCE = ["sequence_length", "sequence_delim", "sequence_fields"];
const TABLES = ["embedding_name", "init_fn", "trainable", "fg_value_type", "data_type", "pooling"];

const ALWAYS_IDS = ["id_feature", "combo_feature", "tokenize_feature", "bool_mask_feature"];

const givesIds = (section: Section, kind: string): boolean =>
  ALWAYS_IDS.includes(kind) || hasMapping(section);

/** Settings of all kinds that have no counterpart. */
function common(section: Section, kind: string): void {
  if (kind !== "id_feature")
    section.onlyDefault("weighted", false, "Remove it: only an id_feature can have weights.");
  section.ignore(["embedding_constraints"], "concerns the placement of tables");
  section.boolean("stub_type"); // a feature that no group names can be an input of others
}

function tableSettings(section: Section, shape: readonly [rows: number, dim: number]): Config {
  const embedding = section.text("embedding_name");
  const initializer = initializerOf(section, "init_fn", shape);
  return {
    dim: shape[1],
    ...(embedding !== undefined && { embedding }),
    ...(initializer && { initializer }),
    ...(section.boolean("trainable") === false && { trainable: false }),
  };
}

const DENSE_EMBEDDINGS = ["autodis", "mlp"] as const;

/** The embedding of a number, or by one projection of a vector. @throws ImportError where it has no dimension */
function denseEmbedding(section: Section, dim: number): Config {
  const kind = section.oneOf(DENSE_EMBEDDINGS);
  if (kind === undefined) return {};
  if (dim === 0) section.missing("embedding_dim");
  const settings = section.section(kind)!;
  if (kind === "mlp") return { denseEmbedding: { kind: "mlp", dim } };
  if ((section.number("value_dim") || 1) > 1)
    throw section.unsupported(kind, "Give each number its own feature: autodis embeds one number.");
  return {
    denseEmbedding: {
      kind: "autoDis",
      dim,
      channels: settings.number("num_channels") ?? settings.missing("num_channels"),
      temperature: settings.number("temperature"),
      keep: settings.number("keep_prob"),
    },
  };
}

const DTYPES: Readonly<Record<string, string>> = { FP32: "fp32", FP16: "fp16", BF16: "bf16" };

/** The number format of the table, from the names of TorchRec's DataType. @throws ImportError */
function dtypeOf(section: Section): Config {
  const name = section.text("data_type") ?? "FP32";
  if (name === "FP32") return {};
  if (Object.hasOwn(DTYPES, name)) return { dtype: DTYPES[name] };
  throw section.error("data_type", {
    what: "tables cannot have this data type",
    expected: Object.keys(DTYPES).join(", "),
    next: "Use one of them, or remove it.",
  });
}

/** A column with feature values: ids or numbers (FG_NONE), or values that are not ids yet (FG_BUCKETIZE). */
function encoded(
  section: Section,
  name: string,
  isId: boolean,
  rows: number,
  { columns, encodedSeparator }: Columns,
): Config {
  ignoreInputs(section, name);
  const boundaries = section.numbers("boundaries");
  if (isId || (boundaries.length > 0 && columns === "encoded")) {
    section.number("value_dim");
    const own = isId ? idRows(section) : undefined;
    // Encoded ids are rows, or integers that training gives rows to.
    const mapping = columns !== "encoded" || own?.isDynamic ? own!.mapping : { buckets: rows };
    const missing =
      columns === "encoded"
        ? encodedId(section, mapping, encodedSeparator)
        : standIn(section, "default_value", mapping);
    const ids = { separator: encodedSeparator, ...weighted(section), ...mapping, ...pooling(section) };
    return { kind: "ids", column: name, ...ids, ...missing };
  }
  if (boundaries.length > 0) return { kind: "number", column: name, ...bounded(section) };
  const missing = columns === "encoded" ? encodedNumber(section, encodedSeparator) : defaultNumber(section);
  return { kind: "number", column: name, ...vector(section, encodedSeparator), missing };
}

/** The default of FG_NONE is another setting than that of the other modes. */
function encodedId(section: Section, mapping: Config, separator: string): Config {
  section.ignore(
    ["default_value"],
    "has no effect with FG_NONE: set fg_encoded_default_value to the id of rows without ids",
  );
  return standIn(section, "fg_encoded_default_value", mapping, separator);
}

function encodedNumber(section: Section, separator: string): number | number[] {
  const text = section.text("fg_encoded_default_value") ?? "";
  if (text === "")
    return numbersIn(section, "default_value", section.text("default_value") || "0", separator);
  section.ignore(["default_value"], "has no effect beside fg_encoded_default_value");
  return numbersIn(section, "fg_encoded_default_value", text, separator);
}

/** Settings that were used when the columns were made. */
function ignoreInputs(section: Section, name: string): void {
  const isOwn = (section.texts("expression").join("") || name).replace(/^\w+:/, "") === name;
  const others = isOwn ? INPUTS.filter((input) => input !== "expression") : INPUTS;
  section.ignore(others, "is not used: the column with the name of the feature has its values");
}

const INPUTS = [
  "expression",
  "normalizer",
  "separator",
  "map",
  "key",
  "nested_map",
  "pkey",
  "skey",
  "query",
  "title",
  "document",
  "variables",
  "method",
  "combiner",
  "need_discrete",
  "need_key",
  "show_pkey",
  "show_skey",
  "tokenizer_type",
  "text_normalizer",
  "kv_delimiter",
  "value_map",
  "value_separator",
  "fill_missing",
];
