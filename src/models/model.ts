import type { z } from "zod";
import { ConfigError } from "../errors.js";
import type { Initializer } from "../graph/initializer.js";
import type { Mask } from "../graph/mask.js";
import { columnsOf, type Entries, idsBelow, type Tensor } from "../graph/tensor.js";
import { KEYS } from "../graph/translation.js";
import { embedFeature } from "../layers/composed-embedding.js";
import { type DenseEmbedding, denseEmbeddings } from "../layers/dense-embedding.js";
import { type CategoricalFeature, embedSequence, join } from "../layers/embedding-layer.js";
import type { Scope } from "../layers/scope.js";
import type { Sequence } from "../layers/target-attention.js";
import { concatEntries } from "../ops/concat-entries.js";
import { entryWeights } from "../ops/entry-weights.js";
import { poolEntries } from "../ops/pool-entries.js";
import { input } from "../ops/sources.js";

/** What a model knows about a feature: its kind and sizes. */
export type FeatureInfo = (
  | (CategoricalFeature & {
      readonly name: string;
      readonly dim?: number;
      /** Of a bag whose ids are the entries of a sequence: its name. */
      readonly sequence?: string;
      /** Its entries have numbers, as weights of the ids. */
      readonly numbers?: true;
      /** Of a bag whose ids are within the entries of a sequence: its name. The weights are the places of the entries. */
      readonly within?: string;
    })
  | NumberFeature
) & {
  /** In which samples of training the feature is hidden. */
  readonly mask?: Mask;
};

/** True for a feature with a dynamic table: its ids are keys. */
export function hasKeys(feature: FeatureInfo): boolean {
  return feature.kind !== "number" && feature.translation?.ids === KEYS;
}

interface NumberFeature {
  readonly kind: "number";
  readonly name: string;
  readonly width: number;
  /** The embedding of the numbers in groups with embeddings; absent: they stay numbers. */
  readonly denseEmbedding?: DenseEmbedding;
  /** The ends of the bins of a piecewise-linear embedding. */
  readonly edges?: readonly number[];
}
type EmbeddedFeature = Exclude<FeatureInfo, { kind: "number" }>;

/** Separate tables `<tables>.<embedding>.weight` for one group; absent settings come from the features. */
export interface OwnTables {
  readonly tables: string;
  readonly dim: number;
  readonly initializer?: Initializer;
  readonly trainable?: boolean;
}

/** The config path of a group's names: of their list, or of each name. */
export type GroupPath = string | Readonly<Record<string, string>>;

const placeOf = (path: GroupPath, names: readonly string[], name: string): string =>
  typeof path === "string" ? `${path}[${names.indexOf(name)}]` : path[name];

/** Tables of first-order weights. */
export type WeightTables = Pick<OwnTables, "tables" | "initializer"> & {
  readonly dim?: number;
  /** Freezes the weights of features with `trainable: false`. Default: these pre-trained embeddings have weights to train. */
  readonly followTrainable?: boolean;
};

/**
 * A model: a config schema, and a function from features to logits [B, outputs] that reads like its paper. There is one
 * output per label, or one per class. The function checks what the schema cannot check (that features exist and that
 * dimensions are equal) and throws ConfigError with the config path.
 */
export interface ModelDefinition<S extends z.ZodType = z.ZodType> {
  readonly kind: string;
  readonly schema: S;
  build(features: ModelFeatures, config: z.output<S>, scope: Scope, outputs: number): Tensor;
}

export function defineModel<S extends z.ZodType>(definition: ModelDefinition<S>): ModelDefinition<S> {
  return definition;
}

function otherSequence(feature: EmbeddedFeature, first: EmbeddedFeature, where: string): ConfigError {
  return new ConfigError({
    what: "the columns are of different sequences, so that their entries do not belong together",
    where,
    got: `"${feature.name}", of the sequence "${sequenceOf(feature)}"`,
    expected: `a column of "${sequenceOf(first)}", as "${first.name}" is`,
    next: "Give both features the same sequence, or use two encoders.",
  });
}

function otherWidth(got: number, expected: number, where: string): ConfigError {
  return new ConfigError({
    what: "the entries of joined sequences have different numbers of columns",
    where,
    got: `embeddings of ${got} numbers in all`,
    expected: `${expected}, as the columns of the first sequence have`,
    next: "Name as many columns, in the same order, and give each two of them the same dim.",
  });
}

function severalOnly(feature: EmbeddedFeature, where: string): ConfigError {
  return new ConfigError({
    what: "the columns do not say how many entries a row has",
    where,
    got: `"${feature.name}", which has several ids in an entry`,
    expected: `a column of "${feature.within}" with one value in each entry, too`,
    next: 'Add a feature of kind "sequence" of this sequence to the columns, such as the ids of its items.',
  });
}

/** The sequence that a feature is a column of. */
export function sequenceOf(feature: FeatureInfo): string | undefined {
  return feature.kind === "number" ? undefined : (feature.sequence ?? feature.within);
}

/** Entries of sequences, ids within them, and entries of lists whose vectors are products, are looked up one by one. */
function entriesPart(feature: EmbeddedFeature): { entries?: Entries } {
  const { kind, name, sequence, within, composition } = feature;
  if (within !== undefined) return { entries: `L:${within}/${name}` };
  const entries = sequence ?? (kind === "ids" && composition === "multiply" ? name : undefined);
  return entries === undefined ? {} : { entries: `L:${entries}` };
}

/** The features of a config as symbolic tensors, created on first use. */
export class ModelFeatures {
  private readonly lookups = new Map<string, Tensor>();

  constructor(
    private readonly scope: Scope,
    private readonly features: ReadonlyMap<string, FeatureInfo>,
    /** The inputs created so far, by name. */
    private readonly inputs = new Map<string, Tensor>(),
  ) {}

  /** The numbers of a group, concatenated, [B, total width]. */
  numbers(names: readonly string[], path: GroupPath): Tensor {
    const parts = names.map((name) => {
      const feature = this.find(name, placeOf(path, names, name));
      if (feature.kind === "number") return this.input(feature);
      throw new ConfigError({
        what: `"${name}" is not a number`,
        where: placeOf(path, names, name),
        got: `a feature of ids`,
        expected: 'a feature of kind "number" without boundaries',
        next: "Move it to a group that embeds its features.",
      });
    });
    return join(this.scope, parts);
  }

  /** The values of a feature without an embedding: ids [B], bags [B] or numbers [B, width]. */
  values(name: string, path: string): Tensor {
    return this.input(this.find(name, path));
  }

  /**
   * Splits names into features with embeddings and plain numbers, keeping the order. A number with a dense embedding
   * belongs to the former, or, with `by` "type", to the numbers.
   */
  partition(
    names: readonly string[],
    path: GroupPath,
    by: "embedding" | "type" = "embedding",
  ): { categorical: string[]; numeric: string[] } {
    const isNumber = (name: string): boolean => {
      const feature = this.find(name, placeOf(path, names, name));
      return feature.kind === "number" && (by === "type" || feature.denseEmbedding === undefined);
    };
    return { categorical: names.filter((name) => !isNumber(name)), numeric: names.filter(isNumber) };
  }

  /**
   * The embeddings of a group, one [B, dim] per feature. `dim` is that of the feature, or `defaultDim`.
   * Tables are parameters `embeddings<suffix>.<embedding>.weight`, shared by groups with the same suffix.
   */
  embeddings(names: readonly string[], path: GroupPath, defaultDim: number, suffix = ""): Tensor[] {
    const dense = this.denseEmbeddings(names, defaultDim);
    return names.map((name) => {
      const embedded = dense.get(name);
      if (embedded) return embedded;
      const feature = this.categorical(name, placeOf(path, names, name));
      return this.lookup(feature, `embeddings${suffix}`, feature.dim ?? defaultDim);
    });
  }

  /**
   * The embeddings [B, dim] of the numbers among the names, by name; numbers with equal settings are embedded together. They
   * have no tables, so that all groups share them.
   */
  private denseEmbeddings(names: readonly string[], defaultDim: number): Map<string, Tensor> {
    const settings = new Map<string, { setting: DenseEmbedding; numbers: NumberFeature[] }>();
    for (const name of names) {
      const feature = this.features.get(name);
      if (feature?.kind !== "number" || !feature.denseEmbedding) continue;
      const setting = feature.denseEmbedding;
      const key = JSON.stringify(setting);
      settings.set(key, { setting, numbers: [...(settings.get(key)?.numbers ?? []), feature] });
    }
    const embedded = new Map<string, Tensor>();
    const scope = this.scope.child("dense_embeddings");
    for (const { setting, numbers } of settings.values()) {
      const dim = setting.dim ?? defaultDim;
      const named = numbers.map((feature) => ({ ...feature, x: this.input(feature) }));
      const tensors = denseEmbeddings(scope, named, dim, setting);
      numbers.forEach((feature, i) => void embedded.set(feature.name, tensors[i]));
    }
    return embedded;
  }

  /** The embeddings of a group; their dimensions must be equal, because the model multiplies them. */
  equalEmbeddings(names: readonly string[], path: GroupPath, defaultDim: number, suffix = ""): Tensor[] {
    const parts = this.embeddings(names, path, defaultDim, suffix);
    const dims = parts.map((part) => columnsOf(part));
    const odd = dims.findIndex((dim) => dim !== dims[0]);
    if (odd < 0) return parts;
    throw new ConfigError({
      what: "the features of this group must have equal embedding dimensions",
      where: placeOf(path, names, names[odd]),
      got: `"${names[odd]}" has dim ${dims[odd]}`,
      expected: `${dims[0]}, the dim of "${names[0]}"`,
      next: `Set dim of "${names[odd]}" to ${dims[0]}, or remove dim to use the model's embeddingDim.`,
    });
  }

  /** First-order weights, one [B, dim] per feature. Tables are `<tables>.<embedding>.weight`, by default initially zero. */
  weights(
    names: readonly string[],
    path: GroupPath,
    { tables, dim = 1, initializer, followTrainable = false }: WeightTables,
  ): Tensor[] {
    const start = this.scope.start === "torch" ? undefined : ({ kind: "constant", value: 0 } as const);
    return this.ownEmbeddings(names, path, {
      tables,
      dim,
      initializer: initializer ?? start,
      trainable: followTrainable ? undefined : true,
    });
  }

  /** Embeddings of a group from separate tables with the given dimension; `dim` of the features is ignored. */
  ownEmbeddings(names: readonly string[], path: GroupPath, { tables, dim, ...own }: OwnTables): Tensor[] {
    return names.map((name) => {
      const feature = this.categorical(name, placeOf(path, names, name));
      const { initializer = feature.initializer, trainable = feature.trainable } = own;
      return this.lookup({ ...feature, initializer, trainable }, tables, dim);
    });
  }

  /**
   * Columns of a sequence: the bag that says which entries are whose [B], and their embeddings and numbers side by side [L, D].
   * The tables are those of {@link embeddings}.
   */
  sequence(names: readonly string[], path: string, defaultDim: number, suffix = ""): Sequence {
    const columns = names.map((name, i) => this.column(name, `${path}[${i}]`));
    const odd = columns.findIndex((column) => sequenceOf(column) !== sequenceOf(columns[0]));
    if (odd >= 0) throw otherSequence(columns[odd], columns[0], `${path}[${odd}]`);
    const single = columns.find(({ within }) => within === undefined);
    if (!single) throw severalOnly(columns[0], path);
    const bag = this.input(single);
    const tables = this.scope.child(`embeddings${suffix}`);
    const parts = columns.map((feature) => {
      const own = this.input(feature);
      if (feature.numbers) return this.scope.apply(entryWeights, [own], {})[0];
      const embedded = embedSequence(tables, own, feature, feature.dim ?? defaultDim);
      const { within, pooling = "sum" } = feature;
      return within === undefined
        ? embedded
        : this.scope.apply(poolEntries, [embedded, own, bag], { pooling })[0];
    });
    return { bag, entries: join(this.scope, parts) };
  }

  /**
   * The entries of two sequences one after the other, each with the embedding of the sequence that it is from: those of `columns`
   * and `then`, in the joined sequence `by`.
   */
  joined(
    columns: readonly string[],
    { columns: then, by }: { readonly columns: readonly string[]; readonly by: string },
    path: string,
    defaultDim: number,
    suffix = "",
  ): Sequence {
    const left = this.sequence(columns, `${path}.columns`, defaultDim, suffix);
    const right = this.sequence(then, `${path}.joined.columns`, defaultDim, suffix);
    const [width, other] = [columnsOf(left.entries), columnsOf(right.entries)];
    if (width !== other) throw otherWidth(other, width, `${path}.joined.columns`);
    const { bag, entries } = this.sequence([by], `${path}.joined.by`, defaultDim, suffix);
    const operands = [left.entries, left.bag, right.entries, right.bag, bag];
    const [both] = this.scope.apply(concatEntries, operands, { prefix: 0 });
    return { bag, entries: join(this.scope, [both, entries]) };
  }

  private column(name: string, path: string): EmbeddedFeature {
    const feature = this.find(name, path);
    if (feature.kind !== "number" && sequenceOf(feature) !== undefined) return feature;
    throw new ConfigError({
      what: `"${name}" is not a sequence`,
      where: path,
      got: feature.kind === "number" ? "a number" : `a feature of kind "${feature.kind}"`,
      expected: 'a feature of kind "sequence"',
      next: `Make "${name}" a feature of kind "sequence", or move it to features.`,
    });
  }

  /** If two groups embed a feature from the same table, it is looked up once. */
  private lookup(feature: EmbeddedFeature, tables: string, dim: number): Tensor {
    const key = `${tables}/${feature.name}/${dim}`;
    const existing = this.lookups.get(key);
    if (existing) return existing;
    const embedded = embedFeature(this.scope.child(tables), this.input(feature), feature, dim);
    this.lookups.set(key, embedded);
    return embedded;
  }

  private categorical(name: string, path: string): EmbeddedFeature {
    const feature = this.find(name, path);
    if (feature.kind !== "number" && !feature.numbers && feature.within === undefined) return feature;
    if (feature.kind === "number" && feature.denseEmbedding)
      throw new ConfigError({
        what: `"${name}" has no table`,
        where: path,
        got: "a number with a denseEmbedding",
        expected:
          'a feature of kind "id" or "ids", or a number with boundaries: this group has tables of its own',
        next: `Give "${name}" boundaries, or leave it out of this group.`,
      });
    throw new ConfigError({
      what: `"${name}" has no embedding`,
      where: path,
      got:
        feature.kind === "number"
          ? "a plain number"
          : `the ${feature.numbers ? "numbers" : "bags"} of a sequence, for encoders of sequences`,
      expected: 'a feature of kind "id" or "ids", or a number with boundaries or a denseEmbedding',
      next: `Give "${name}" boundaries or a denseEmbedding, or move it to a group of numbers.`,
    });
  }

  private find(name: string, path: string): FeatureInfo {
    const feature = this.features.get(name);
    if (feature) return feature;
    throw new ConfigError({
      what: `there is no feature "${name}"`,
      where: path,
      got: JSON.stringify(name),
      expected: `one of ${[...this.features.keys()].join(", ")}`,
      next: "Add it to features, or correct the name.",
    });
  }

  private input(feature: FeatureInfo): Tensor {
    const existing = this.inputs.get(feature.name);
    if (existing) return existing;
    const limit = feature.kind === "number" ? 0 : (feature.translation?.ids ?? feature.rows);
    const type =
      feature.kind === "number"
        ? ({ dtype: "fp32", shape: ["B", feature.width] } as const)
        : ({ dtype: idsBelow(limit, feature.kind), shape: ["B"], ...entriesPart(feature) } as const);
    const mask = this.scope.mode === "training" && feature.mask ? { mask: feature.mask } : {};
    const [tensor] = this.scope.apply(input, [], { name: feature.name, type, limit, ...mask });
    this.inputs.set(feature.name, tensor);
    return tensor;
  }
}
