import type { ImportError } from "./import-error.js";
import type { ImportedFeature } from "./map-features.js";
import type { Section } from "./section.js";

/** A group whose tables may be its own, by a suffix. */
interface EmbeddedGroup {
  readonly features: string[];
  readonly embeddingSuffix?: string;
}

/** A wide group has tables of numbers to itself; TorchEasyRec decides by the type, whatever the name is. */
type GroupType = "DEEP" | "WIDE";

interface Group {
  readonly features: string[];
  readonly section: Section;
  readonly type: GroupType;
  /** The end of its tables' names in TorchEasyRec: `_deep` of `cat_0_emb_deep`. */
  readonly suffix: string;
}

/** The feature groups of a config by name; it records which groups the model uses, and under which names their tables are. */
export class Groups {
  private readonly groups: ReadonlyMap<string, Group>;
  private readonly used = new Set<string>();
  private readonly suffixes = new Map<string, string>();

  /** @param names of all features */
  constructor(
    private readonly model: Section,
    names: readonly string[],
  ) {
    const groups = new Map<string, Group>();
    for (const section of model.sections("feature_groups")) {
      const name = section.text("group_name") ?? section.missing("group_name");
      if (groups.has(name)) throw section.error("group_name", TWICE);
      groups.set(name, groupOf(section, names));
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
    if (tables.startsWith("embeddings")) return suffix || tables.slice("embeddings".length);
    if (tables.startsWith("wide_embeddings")) return `_wide${tables.slice("wide_embeddings".length)}`;
    return `_wide${suffix}`;
  }

  /** The features of a group that has the tables `tables` to itself, whatever its suffix. */
  alone(name: string, tables: string, type: GroupType = "DEEP"): string[] {
    const { features, suffix } = this.take(name, type) ?? this.missing(name);
    this.suffixes.set(tables, suffix);
    return features;
  }

  /** The same for a model with one group, its first. */
  first(): string[] {
    return this.alone([...this.groups.keys()][0], "embeddings");
  }

  /** A group that may share its tables with other groups, or have its own by a suffix. */
  shared(name: string, type: GroupType = "DEEP"): EmbeddedGroup | undefined {
    const group = this.take(name, type);
    if (!group) return undefined;
    const { features, suffix } = group;
    return { features, ...(suffix && { embeddingSuffix: suffix }) };
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
      what: `a ${type === "WIDE" ? "wide" : "deep"} group of another type has no counterpart`,
      got: group.type,
      expected: type,
      next: `Set group_type: ${type} in the group "${name}".`,
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

function groupOf(section: Section, names: readonly string[]): Group {
  const type = section.choice("group_type");
  for (const name of ["sequence_groups", "sequence_encoders"])
    if (section.has(name)) throw section.unsupported(name, SEQUENCES);
  if (type !== "DEEP" && type !== "WIDE") throw section.unsupported("group_type", SEQUENCES);
  const features = section.texts("feature_names");
  const odd = features.findIndex((name) => !names.includes(name));
  if (odd >= 0) throw unknownFeature(section, features[odd], odd);
  const again = features.findIndex((name, i) => features.indexOf(name) < i);
  if (again >= 0) throw section.error("feature_names", { ...REPEATED, got: features[again] }, again);
  const own = section.text("embedding_name_suffix") ?? "";
  const suffix = own && `_${own}`;
  if (/^\w*$/.test(suffix)) return { features, section, type, suffix };
  throw section.error("embedding_name_suffix", {
    what: "this suffix has no counterpart",
    expected: "letters, digits and _",
    next: "Rename it here and in the names of the state dict.",
  });
}

const TWICE = {
  what: "two groups have this name",
  next: "Rename one of them, or put their features into one group.",
};

const REPEATED = { what: "the group already has this feature", next: "Remove one of them." };

function embeddedNumber(section: Section, name: string, index: number): ImportError {
  const report = {
    what: "embeddings of numbers in a wide group have no counterpart",
    got: name,
    expected: "ids, boundaries or plain numbers",
    next: "Take the feature out of this group.",
  };
  return section.error("feature_names", report, index);
}

const SEQUENCES = "Use a group of type DEEP or WIDE: turn sequences into bags of ids.";

function unknownFeature(section: Section, name: string, index: number): ImportError {
  return section.error(
    "feature_names",
    {
      what: `there is no feature "${name}"`,
      got: name,
      expected: "a feature_name of feature_configs",
      next: "Correct the name, or add the feature.",
    },
    index,
  );
}
