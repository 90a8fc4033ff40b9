import {
  type GroupSequences,
  groupSequences,
  isSequence,
  namesOf,
  SEQUENCE_TABLES,
  type SequenceGroup,
  sequenceGroup,
  suffixOf,
  tablesOfSequences,
} from "./group-sequences.js";
import type { ImportError } from "./import-error.js";
import type { ImportedFeature } from "./map-features.js";
import type { Section } from "./section.js";

/** Learned dropout of a group's features, as a group of a model in Pairloom has it. */
interface GroupDropout {
  readonly variationalDropout?: { readonly regularization: number };
}

/** A group whose tables may be its own, by a suffix. */
interface EmbeddedGroup extends GroupSequences, GroupDropout {
  readonly features: string[];
  readonly embeddingSuffix?: string;
}

/**
 * A wide group has tables of numbers to itself; TorchEasyRec decides by the type, whatever the name is. A sequence group has a
 * query and the columns of a sequence: without padding, a group of type JAGGED_SEQUENCE is the same.
 */
type GroupType = "DEEP" | "WIDE" | "SEQUENCE";

interface Group {
  readonly features: string[];
  readonly section: Section;
  readonly type: GroupType;
  /** The end of its tables' names in TorchEasyRec: `_deep` of `cat_0_emb_deep`. */
  readonly suffix: string;
  readonly encoders: GroupSequences;
  /** Of a sequence group. */
  readonly sequence?: SequenceGroup;
}

/** The feature groups of a config by name; it records which groups the model uses, and under which names their tables are. */
export class Groups {
  private readonly groups: ReadonlyMap<string, Group>;
  private readonly used = new Set<string>();
  private readonly suffixes = new Map<string, string>();
  /** The groups of towers, in their order. */
  private readonly towers: string[] = [];
  /** `variational_dropout`, with what a row's loss gets of the regularizer. */
  private readonly dropout?: { readonly regularization: number };

  constructor(
    private readonly model: Section,
    features: readonly ImportedFeature[],
    batchSize: number,
  ) {
    const dropout = model.section("variational_dropout");
    dropout?.ignore(["embedding_wise_variational_dropout"], "has no effect in TorchEasyRec");
    if (dropout) this.dropout = { regularization: dropout.number("regularization_lambda")! / batchSize };

    const groups = new Map<string, Group>();
    for (const section of model.sections("feature_groups")) {
      const name = section.text("group_name") ?? section.missing("group_name");
      if (groups.has(name)) throw section.error("group_name", TWICE);
      groups.set(name, groupOf(section, features));
    }
    this.groups = groups;
    if (this.groups.size === 0) model.missing("feature_groups");
  }

  /**
   * The end of a table's name in TorchEasyRec after the name of the embedding.
   * @param tables the first part of the table's name in Pairloom, such as `embeddings_deep`
   */
  suffixOf(tables: string): string {
    const suffix = this.suffixes.get(tables) ?? "";
    if (tables.startsWith(SEQUENCE_TABLES)) return tables.slice(SEQUENCE_TABLES.length);
    if (tables.startsWith("embeddings")) return suffix || tables.slice("embeddings".length);
    if (tables.startsWith("wide_embeddings")) return `_wide${tables.slice("wide_embeddings".length)}`;
    return `_wide${suffix}`;
  }

  /** The features of a group that has the tables `tables` to itself, whatever its suffix, and its dropout. */
  alone(name: string, tables: string, type: GroupType = "DEEP"): { features: string[] } & GroupDropout {
    const group = this.take(name, type) ?? this.missing(name);
    this.suffixes.set(tables, group.suffix);
    return { features: group.features, ...this.dropoutOf(group) };
  }

  /** The same for a model with one group, its first, with its encoders of sequences. */
  first(): { features: string[] } & GroupDropout & GroupSequences {
    const [name] = this.groups.keys();
    return { ...this.alone(name, "embeddings"), ...this.groups.get(name)!.encoders };
  }

  /** The group that has the parameters of a scope, such as `deep_sequences`, `linear.dropout` or `towers.0`. */
  ofScope(scope: string): string {
    const [, tower] = /^towers\.(\d+)/.exec(scope) ?? [];
    if (tower !== undefined) return this.towers[Number(tower)];
    if (scope.startsWith("linear.")) return "wide";
    const [, name = ""] = /^(\w+)_(?:sequences|dropout)$/.exec(scope) ?? [];
    return this.groups.has(name) ? name : [...this.groups.keys()][0];
  }

  /** The group of the next tower. @param section names it as its `input` */
  tower(section: Section): EmbeddedGroup {
    const name = section.text("input") ?? section.missing("input");
    if (this.towers.includes(name)) throw section.error("input", TWO_TOWERS);
    this.towers.push(name);
    return this.shared(name) ?? this.noInput(section, name);
  }

  /** The sequence group that a section names as its `input`, and the suffix of its tables. */
  sequence(section: Section): SequenceGroup & { readonly sequenceSuffix: string } {
    const name = section.text("input") ?? section.missing("input");
    const { sequence, suffix } = this.take(name, "SEQUENCE") ?? this.noInput(section, name);
    return { ...sequence!, sequenceSuffix: tablesOfSequences(suffix) };
  }

  /** A group that may share its tables with other groups, or have its own by a suffix. */
  shared(name: string, type: GroupType = "DEEP"): EmbeddedGroup | undefined {
    const group = this.take(name, type);
    if (!group) return undefined;
    const { features, suffix, encoders } = group;
    const own = suffix === "" ? {} : { embeddingSuffix: suffix };
    return { features, ...own, ...this.dropoutOf(group), ...encoders };
  }

  /** A group of one feature has no dropout there. */
  private dropoutOf({ features, encoders }: Group): GroupDropout {
    const count = features.length + (encoders.sequences?.length ?? 0);
    return this.dropout && count > 1 ? { variationalDropout: this.dropout } : {};
  }

  /** @throws ImportError if there is no such group */
  required(name: string, type: GroupType = "DEEP"): EmbeddedGroup {
    return this.shared(name, type) ?? this.missing(name);
  }

  /** The group with the model's features: the only one, or the one called `name`. */
  sole(name: string): EmbeddedGroup {
    const [only] = this.groups.size === 1 ? this.groups.keys() : [name];
    return this.required(only);
  }

  /**
   * In TorchEasyRec a number, or the sum of its embedding, is added to the logit.
   * @param numbers the features without a table
   * @throws ImportError for an embedding of a number
   */
  checkWide(numbers: readonly ImportedFeature[]): void {
    const { section, features } = this.groups.get("wide")!;
    const wide = numbers.filter(({ config }) => features.includes(config.name));
    const embedded = wide.find(({ isEmbedded }) => isEmbedded)?.config.name;
    if (embedded !== undefined) throw embeddedNumber(section, embedded, features.indexOf(embedded));
    const names = wide.map(({ config }) => config.name).join(", ");
    if (wide.length > 0)
      section.warn(
        "feature_names",
        `has numbers (${names}): TorchEasyRec adds the number itself to the logit, Pairloom trains a weight for it`,
      );
  }

  warnOfUnused(): void {
    for (const [name, { section }] of this.groups)
      if (!this.used.has(name)) section.warn("group_name", `"${name}" is not used by the model`);
  }

  private take(name: string, type: GroupType): Group | undefined {
    this.used.add(name);
    const group = this.groups.get(name);
    if (!group || group.type === type) return group;
    throw group.section.error("group_type", {
      what: `a ${type.toLowerCase()} group of another type has no counterpart`,
      got: group.type,
      expected: type,
      next: `Set group_type: ${type} in the group "${name}".`,
    });
  }

  private noInput(section: Section, name: string): never {
    throw section.error("input", {
      what: `there is no group "${name}"`,
      expected: [...this.groups.keys()].join(", "),
      next: "Name one of feature_groups.",
    });
  }

  private missing(name: string): never {
    throw this.model.error("feature_groups", {
      what: `the model needs a group "${name}"`,
      got: [...this.groups.keys()].join(", "),
      next: "Rename the group; TorchEasyRec needs this name too.",
    });
  }
}

function groupOf(section: Section, all: readonly ImportedFeature[]): Group {
  const type = section.choice("group_type");
  const suffix = suffixOf(section);
  const features = namesOf(section, all);
  if (type !== "DEEP" && type !== "WIDE")
    return {
      features,
      section,
      type: "SEQUENCE",
      suffix,
      encoders: {},
      sequence: sequenceGroup(section, all),
    };
  const sequence = features.findIndex((name) => isSequence(all, name));
  if (sequence >= 0)
    throw section.error("feature_names", { ...UNENCODED, got: features[sequence] }, sequence);
  return { features, section, type, suffix, encoders: groupSequences(section, all, suffix) };
}

const UNENCODED = {
  what: "a sequence needs an encoder",
  next: "Name it in sequence_groups, and add one of sequence_encoders.",
};

const TWO_TOWERS = {
  what: "two towers have this input, of which TorchEasyRec keeps one",
  next: "Remove one of them, or give it a group of its own.",
};

const TWICE = {
  what: "two groups have this name",
  next: "Rename one of them, or put their features into one group.",
};

function embeddedNumber(section: Section, name: string, index: number): ImportError {
  const report = {
    what: "embeddings of numbers in a wide group have no counterpart",
    got: name,
    expected: "ids, boundaries or plain numbers",
    next: "Take the feature out of this group.",
  };
  return section.error("feature_names", report, index);
}
