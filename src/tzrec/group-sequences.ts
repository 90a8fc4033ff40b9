import type { ModelInput } from "../models/index.js";
import type { ImportError } from "./import-error.js";
import type { ImportedFeature } from "./map-features.js";
import { mlp } from "./map-mlp.js";
import { isEntries } from "./map-sequences.js";
import type { Section } from "./section.js";

type Deep = NonNullable<Extract<ModelInput, { kind: "wideAndDeep" }>["deep"]>;
type Encoder = NonNullable<Deep["sequences"]>[number];

/** Encoders of sequences, as a group of a model in Pairloom has them. */
export interface GroupSequences {
  readonly sequences?: Encoder[];
  readonly sequenceSuffix?: string;
}

/** TorchEasyRec looks queries and sequences up in other tables than the features of the group. */
const SUFFIX = "_of_sequences";
export const SEQUENCE_TABLES = `embeddings${SUFFIX}`;

/** The suffix of the tables of queries and sequences. @param suffix of the group */
export const tablesOfSequences = (suffix: string): string => `${SUFFIX}${suffix}`;

/** The sequences that encoders read. */
export interface SequenceGroup {
  readonly query: string[];
  readonly columns: string[];
}

/** `sequence_groups` and `sequence_encoders` of a group. @param suffix of the group's tables */
export function groupSequences(
  section: Section,
  all: readonly ImportedFeature[],
  suffix: string,
): GroupSequences {
  const groups = new Map<string, SequenceGroup>();
  const inner = section.sections("sequence_groups");
  const encoders = section.sections("sequence_encoders");
  if (inner.length > 0 && encoders.length === 0)
    throw section.unsupported("sequence_groups", "Add sequence_encoders for them.");
  if (inner.length === 0 && encoders.length > 0)
    throw section.unsupported("sequence_encoders", "Add sequence_groups for them.");
  const own = inner.map((group) => suffixOf(group) || suffix);
  for (const [i, group] of inner.entries()) {
    if (own[i] !== own[0])
      throw group.unsupported("embedding_name_suffix", "Give all sequence_groups of a group one suffix.");
    groups.set(nameOf(group, section, inner.length), sequenceGroup(group, all));
  }
  if (encoders.length === 0) return {};
  return {
    sequences: encoders.map((encoder) => encoderOf(encoder, groups)),
    sequenceSuffix: tablesOfSequences(own[0]),
  };
}

/** The only one may have the name of the group. */
function nameOf(group: Section, parent: Section, count: number): string {
  return group.text("group_name") ?? (count === 1 ? parent.text("group_name")! : group.missing("group_name"));
}

/** The columns of a sequence and the features that they are compared with. @throws ImportError without a sequence */
export function sequenceGroup(group: Section, all: readonly ImportedFeature[]): SequenceGroup {
  const names = namesOf(group, all);
  const columns = names.filter((name) => isSequence(all, name));
  if (columns.length > 0) return { query: names.filter((name) => !isSequence(all, name)), columns };
  throw group.error("feature_names", {
    what: "a sequence group needs a sequence",
    got: names.join(", "),
    next: "Add a column of a sequence_feature, or a sequence_id_feature.",
  });
}

export function isSequence(all: readonly ImportedFeature[], name: string): boolean {
  return all.some(({ config }) => config.name === name && isEntries(config));
}

/** `feature_names` of a group. @throws ImportError for a name that no feature has, and one that is repeated */
export function namesOf(section: Section, all: readonly ImportedFeature[]): string[] {
  const features = section.texts("feature_names");
  const known = new Set(all.map(({ config }) => config.name));
  const odd = features.findIndex((name) => !known.has(name));
  if (odd >= 0) throw unknownFeature(section, features[odd], odd);
  const again = features.findIndex((name, i) => features.indexOf(name) < i);
  if (again >= 0) throw section.error("feature_names", { ...REPEATED, got: features[again] }, again);
  return features;
}

const REPEATED = { what: "the group already has this feature", next: "Remove one of them." };

function unknownFeature(section: Section, name: string, index: number): ImportError {
  const report = {
    what: `there is no feature "${name}"`,
    got: name,
    expected: "a feature_name of feature_configs; a column of a sequence_feature is named sequence__feature",
    next: "Correct the name, or add the feature.",
  };
  return section.error("feature_names", report, index);
}

/** The end of the names of a group's tables: `_deep` for `embedding_name_suffix: "deep"`. */
export function suffixOf(section: Section): string {
  const own = section.text("embedding_name_suffix") ?? "";
  const suffix = own && `_${own}`;
  if (/^\w*$/.test(suffix)) return suffix;
  throw section.error("embedding_name_suffix", {
    what: "this suffix has no counterpart",
    expected: "letters, digits and _",
    next: "Rename it here and in the names of the state dict.",
  });
}

type MapEncoder = (settings: Section, group: SequenceGroup) => Encoder;

/** The encoders by their names in TorchEasyRec. */
const ENCODERS: Readonly<Record<string, MapEncoder>> = {
  pooling_encoder(settings, { columns }) {
    const pooling = settings.text("pooling_type") ?? "mean";
    if (pooling === "sum" || pooling === "mean") return { kind: "pooling", columns, pooling };
    throw settings.error("pooling_type", {
      what: "there is no such pooling",
      expected: "sum or mean",
      next: "Use one of them.",
    });
  },
  simple_attention: (settings, { columns, query }) => ({
    kind: "dotAttention",
    query: needed(settings, query),
    columns,
  }),
  din_encoder: targetAttention,
  // There places are counted from the first entry.
  multi_window_din_encoder: (settings, { columns, query }) => ({
    kind: "multiWindowDin",
    query: needed(settings, query),
    columns,
    windows: settings.numbers("windows_len"),
    from: "first",
    mlp: scoring(settings),
  }),
  self_attention_encoder(settings, { columns }) {
    settings.onlyDefault("dropout", 0, "Remove it: Pairloom drops no weights of attention.");
    return {
      kind: "selfAttention",
      columns,
      dim: settings.number("multihead_attn_dim")!,
      heads: settings.number("num_heads"),
    };
  },
};

function encoderOf(encoder: Section, groups: ReadonlyMap<string, SequenceGroup>): Encoder {
  const kind = encoder.oneOf(Object.keys(ENCODERS)) ?? encoder.neededOf("seq_module");
  const settings = encoder.section(kind)!;
  settings.ignore(["name"], "names nothing in Pairloom");
  if (kind !== "multi_window_din_encoder")
    settings.onlyDefault("max_seq_length", 0, "Remove it, and cut the sequences in data.train.sql.");
  const [only] = groups.keys();
  const input = settings.text("input") ?? (groups.size === 1 ? only : settings.missing("input"));
  const group = groups.get(input);
  if (group) return ENCODERS[kind](settings, group);
  throw settings.error("input", {
    what: "there is no such sequence group in this group",
    got: input,
    expected: [...groups.keys()].join(", "),
    next: "Name one of them.",
  });
}

/** A `din_encoder` or a tower of `din_towers`, which have the same settings. */
export function targetAttention(settings: Section, { columns, query }: SequenceGroup): Encoder {
  return { kind: "din", query: needed(settings, query), columns, mlp: scoring(settings) };
}

function needed(settings: Section, query: string[]): string[] {
  if (query.length > 0) return query;
  throw settings.error("input", {
    what: "this encoder compares the entries with a query, which the sequence group does not have",
    expected: "a feature that is no sequence in feature_names of the sequence group",
    next: "Add the candidate's feature, or use pooling_encoder.",
  });
}

/** The MLP that scores entries. */
function scoring(settings: Section): Extract<Encoder, { kind: "din" }>["mlp"] {
  const section = settings.required("attn_mlp");
  const { hiddenUnits, activation, ...others } = mlp(section);
  const [odd] = Object.keys(others);
  if (odd !== undefined) {
    const norm = section.boolean("use_ln") ? "use_ln" : "use_bn";
    const setting = { norm, dropout: "dropout_ratio", bias: "bias" }[odd]!;
    throw section.unsupported(
      setting,
      "Remove it: an MLP of entries has biases, and neither normalization nor dropout.",
    );
  }
  if (typeof activation === "object" || activation === "prelu" || activation === "dice")
    throw section.error("activation", {
      what: "an MLP of entries has no such activation",
      expected: "ReLU, Sigmoid, Tanh, LeakyReLU (of slope 0.01), SiLU, GELU, Softplus, ELU or Identity",
      next: "Use one of them.",
    });
  return { hiddenUnits: [...hiddenUnits], ...(activation && { activation }) };
}
