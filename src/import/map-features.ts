import type { FeatureInput } from "../config/features.js";
import type { DataSettings } from "./map-data.js";
import { hasMapping, type IdRows, idRows } from "./map-ids.js";
import { checkExpression, normalizerOf, rawValueFor } from "./normalizers.js";
import type { Section } from "./section.js";

/** A feature of a pipeline config as Pairloom has it. */
export interface ImportedFeature {
  readonly config: FeatureInput;
  /** Of the feature's table there: its name in the state dict, and its rows. */
  readonly table?: { readonly name: string } & Omit<IdRows, "mapping">;
  /** Numbers that a row has, where the feature is not embedded. */
  readonly width: number;
  readonly dim: number;
}

type Columns = Pick<DataSettings, "columns" | "encodedSeparator">;
type Config = Readonly<Record<string, unknown>>;
type Kind = (section: Section, columns: Columns) => Config;

const SEPARATOR = "\x1d";

/** `feature_configs`. @throws ImportError */
export function mapFeatures(root: Section, columns: Columns): ImportedFeature[] {
  return root.sections("feature_configs").map((section) => {
    const kind = section.names[0] ?? section.missing("id_feature");
    const feature = section.section(kind)!;
    const map = KINDS[kind];
    if (map) return mapFeature(feature, kind, map, columns);
    throw section.error(kind, {
      what: "there is no counterpart of this kind of feature",
      expected: Object.keys(KINDS).join(", "),
      next: "Leave the feature out, or compute its value in data.train.sql.",
    });
  });
}

function mapFeature(section: Section, kind: string, map: Kind, columns: Columns): ImportedFeature {
  const name = section.text("feature_name") ?? section.missing("feature_name");
  common(section);
  const isId = givesIds(section, kind);
  const boundaries = section.numbers("boundaries");
  const embedded = isId || boundaries.length > 0;
  const rows = isId ? idRows(section) : { rows: boundaries.length + 1, sameRows: true };
  const dim = section.number("embedding_dim") ?? 0;
  if (embedded && dim === 0) section.missing("embedding_dim");
  const settings = embedded ? tableSettings(section, dim) : {};
  const input =
    columns.columns === "raw" ? map(section, columns) : encoded(section, name, isId, rows.rows, columns);
  const config = { kind: input.kind, name, ...input, ...settings } as unknown as FeatureInput;
  if (!embedded) return { config, width: section.number("value_dim") || 1, dim: 0 };
  const { sameRows } = rows;
  const inBuckets = columns.columns === "encoded";
  const order = "order" in rows && !inBuckets ? { order: rows.order } : {};
  const table = {
    name: section.text("embedding_name") ?? `${name}_emb`,
    rows: rows.rows,
    ...order,
    sameRows: sameRows || inBuckets,
  };
  return { config, table, width: dim, dim };
}

const ALWAYS_IDS = ["id_feature", "combo_feature", "tokenize_feature", "bool_mask_feature"];

const givesIds = (section: Section, kind: string): boolean =>
  ALWAYS_IDS.includes(kind) || hasMapping(section);

/** What every kind has, and what none of Pairloom's has. */
function common(section: Section): void {
  section.onlyDefault("use_mask", false, "Remove it: values are not masked here.");
  section.onlyDefault(
    "weighted",
    false,
    "Remove it, and leave the weights out of the column: ids have no weights here.",
  );
  section.onlyDefault("data_type", "FP32", "Remove it: tables are of float32 here.");
  for (const name of ["autodis", "mlp"])
    if (section.has(name))
      throw section.unsupported(name, "Remove it, or give boundaries: a plain number has no embedding here.");
  section.ignore(["embedding_constraints"], "concerns where their tables are kept");
  section.boolean("stub_type"); // a feature that no group names is for others to read
}

function tableSettings(section: Section, dim: number): Config {
  const embedding = section.text("embedding_name");
  const initializer = initializerOf(section, "init_fn");
  return {
    dim,
    ...(embedding !== undefined && { embedding }),
    ...(initializer && { initializer }),
    ...(section.boolean("trainable") === false && { trainable: false }),
  };
}

/** `nn.init.uniform_,a=-0.01,b=0.01`, `nn.init.normal_,mean=0.0,std=0.01`. @throws ImportError */
export function initializerOf(section: Section, name: string): Config | undefined {
  const text = section.text(name) ?? "";
  if (text === "") return undefined;
  const [method, ...pairs] = text.split(",").map((part) => part.trim());
  const params = Object.fromEntries(pairs.map((pair) => pair.split("=").map((part) => part.trim())));
  const [low, high] = [Number(params.a ?? 0), Number(params.b ?? 1)];
  if (method === "nn.init.uniform_" && low === -high && high > 0) return { kind: "uniform", range: high };
  const [mean, std] = [Number(params.mean ?? 0), Number(params.std ?? 1)];
  if (method === "nn.init.normal_" && mean === 0 && std > 0) return { kind: "normal", std };
  throw section.error(name, {
    what: "there is no counterpart of this initialiser",
    expected: "nn.init.uniform_,a=-R,b=R or nn.init.normal_,std=S",
    next: "Use one of them, or remove it.",
  });
}

/** A column that holds the feature itself: ids or numbers (FG_NONE), or what is yet to become ids (FG_BUCKETIZE). */
function encoded(
  section: Section,
  name: string,
  isId: boolean,
  rows: number,
  { columns, encodedSeparator }: Columns,
): Config {
  readInputs(section);
  section.ignore(["normalizer"], "is not applied: the columns are encoded features");
  const given = section.text("fg_encoded_default_value") ?? "";
  const boundaries = section.numbers("boundaries");
  if (isId || (boundaries.length > 0 && columns === "encoded")) {
    section.text("default_value");
    const mapping = columns === "encoded" ? { buckets: rows } : idRows(section).mapping;
    if (given !== "") return { kind: "id", column: name, ...mapping, missing: { value: idValue(given) } };
    return { kind: "ids", column: name, separator: encodedSeparator, ...mapping, ...pooling(section) };
  }
  const fallback = given === "" ? (section.text("default_value") ?? "0") : given;
  if (boundaries.length > 0)
    return { kind: "number", column: name, boundaries, missing: Number(fallback) || 0 };
  return {
    kind: "number",
    column: name,
    ...vector(section, encodedSeparator),
    missing: Number(fallback) || 0,
  };
}

/** Takes the settings as read that the encoding has made use of. */
function readInputs(section: Section): void {
  for (const name of section.names)
    if (INPUTS.includes(name)) section.ignore([name], "has been applied: the columns are encoded features");
  section.text("separator");
}

const INPUTS = [
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
];

// --- kinds, from raw inputs

const KINDS: Readonly<Record<string, Kind>> = {
  id_feature(section) {
    const { mapping } = idRows(section);
    const column = columnOf(section, "expression");
    const missing = section.text("default_value") ?? "";
    const several = section.number("value_dim") !== 1;
    if (missing === "")
      return { kind: "ids", column, separator: separatorOf(section), ...mapping, ...pooling(section) };
    if (several)
      section.warn(
        "default_value",
        "makes this a feature of one value a row (value_dim: 1): a bag has no default here",
      );
    separatorOf(section);
    pooling(section);
    return { kind: "id", column, ...mapping, missing: defaultId(mapping, missing) };
  },

  raw_feature(section) {
    const source = sourceOf(section, "expression");
    const width = vector(section, separatorOf(section));
    pooling(section);
    if (typeof source === "string") {
      const plain = plainNumber(section);
      if (plain) return { kind: "number", column: source, ...width, ...plain };
    }
    if ("width" in width)
      throw section.error("value_dim", {
        what: "a vector of this kind has no counterpart",
        expected: "a column of numbers, without boundaries",
      });
    const expression = normalizerOf(section)?.expression ?? "x";
    return { kind: "expression", variables: { x: source }, expression, ...bounded(section) };
  },

  combo_feature(section) {
    const inputs = section.texts("expression").map((text) => sourceFrom(section, "expression", text));
    section.onlyDefault("default_value", "", NO_DEFAULT);
    section.number("value_dim");
    return {
      kind: "combo",
      inputs,
      separator: separatorOf(section),
      ...idRows(section).mapping,
      ...pooling(section),
    };
  },

  lookup_feature(section) {
    const discrete = section.boolean("need_discrete") ?? false;
    const withKey = section.boolean("need_key") ?? false;
    section.onlyDefault(
      "value_separator",
      ",",
      "Remove it: the numbers of a value stand between commas here.",
    );
    const separator = separatorOf(section);
    const key = sourceOf(section, "key");
    const map = sourceOf(section, "map");
    return {
      kind: "lookup",
      // Of maps the separator is fixed there; the one that is given is that of keys.
      map: typeof map === "string" && separator !== SEPARATOR ? { column: map, separator: SEPARATOR } : map,
      key,
      separator,
      ...(withKey && { withKey }),
      ...found(section, discrete || withKey),
    };
  },

  match_feature(section) {
    const discrete = section.boolean("need_discrete") ?? false;
    const withPrimary = section.boolean("show_pkey") ?? false;
    const withSecondary = section.boolean("show_skey") ?? false;
    const key = (name: string) => (section.text(name) === "ALL" ? "*" : sourceOf(section, name));
    return {
      kind: "match",
      map: sourceOf(section, "nested_map"),
      primary: key("pkey"),
      secondary: key("skey"),
      separator: separatorOf(section),
      ...(withPrimary && { withPrimary }),
      ...(withSecondary && { withSecondary }),
      ...found(section, discrete || withPrimary || withSecondary),
    };
  },

  expr_feature(section) {
    const texts = section.texts("variables");
    const variables = Object.fromEntries(
      texts.map((text) => [text.slice(text.indexOf(":") + 1), sourceFrom(section, "variables", text)]),
    );
    const expression = section.text("expression") ?? section.missing("expression");
    checkExpression(section, "expression", expression, Object.keys(variables));
    section.text("separator");
    section.ignore(["fill_missing"], "is for vectors: an expression is of numbers here");
    const several = section.number("value_dim") ?? 0;
    if (several > 1) throw section.unsupported("value_dim", "Compute one number in each feature.");
    pooling(section);
    return { kind: "expression", variables, expression, ...bounded(section) };
  },

  overlap_feature(section) {
    return {
      kind: "overlap",
      query: sourceOf(section, "query"),
      title: sourceOf(section, "title"),
      separator: separatorOf(section),
      method: section.text("method") ?? section.missing("method"),
      ...numbers(section),
    };
  },

  kv_dot_product(section) {
    const delimiter = section.text("kv_delimiter");
    return {
      kind: "kvDot",
      query: sourceOf(section, "query"),
      document: sourceOf(section, "document"),
      separator: separatorOf(section),
      ...(delimiter !== undefined && { delimiter }),
      ...numbers(section),
    };
  },

  combine_feature(section) {
    const values = section.entries("value_map");
    const common = {
      kind: "combine",
      input: sourceOf(section, "expression"),
      separator: separatorOf(section),
      ...(values.length > 0 && { values: Object.fromEntries(values) }),
    };
    return { ...common, ...found(section, hasMapping(section)) };
  },

  bool_mask_feature(section) {
    const [input, mask] = section.texts("expression").map((text) => sourceFrom(section, "expression", text));
    section.onlyDefault("default_value", "", NO_DEFAULT);
    section.number("value_dim");
    return {
      kind: "mask",
      input,
      mask,
      separator: separatorOf(section),
      ...idRows(section).mapping,
      ...pooling(section),
    };
  },

  tokenize_feature(section) {
    const file = section.text("vocab_file") ?? section.missing("vocab_file");
    if (/\.(json|model)$/.test(file))
      throw section.error("vocab_file", {
        what: "subword tokenizers have no counterpart",
        expected: "a file with one word a line",
        next: "Use a word list, or tokenize the text before and import the tokens as an id_feature.",
      });
    section.warn("vocab_file", "is read as words, one a line, of a text split at white space");
    section.text("tokenizer_type");
    section.onlyDefault("default_value", "", NO_DEFAULT);
    return {
      kind: "tokenize",
      input: sourceOf(section, "expression"),
      ...textOptions(section),
      ...idRows(section).mapping,
      ...pooling(section),
    };
  },
};

const NO_DEFAULT = "Remove it: a row without a value has no id here.";

function textOptions(section: Section): Config {
  const normalizer = section.section("text_normalizer");
  if (!normalizer) return {};
  const options = normalizer.texts("norm_options").map(Number);
  // The number of TEXT_UPPER2LOWER among the options.
  if (options.length === 1 && options[0] === 1) return { lowercase: true };
  throw section.unsupported(
    "text_normalizer",
    "Keep norm_options: TEXT_UPPER2LOWER alone, or normalise the column in data.train.sql.",
  );
}

// --- parts of kinds

/** `user:cate` is a column, `feature:cate` another feature. */
function sourceFrom(section: Section, name: string, text: string): string | { feature: string } {
  const at = text.indexOf(":");
  const [side, input] = at < 0 ? ["", text] : [text.slice(0, at), text.slice(at + 1)];
  if (side === "feature") return { feature: input };
  if (side !== "const") return input;
  throw section.error(name, {
    what: "a constant has no counterpart as an input",
    got: text,
    next: "Add it as a column in data.train.sql.",
  });
}

function sourceOf(section: Section, name: string): string | { feature: string } {
  return sourceFrom(section, name, section.text(name) ?? section.missing(name));
}

function columnOf(section: Section, name: string): string {
  const source = sourceOf(section, name);
  if (typeof source === "string") return source;
  throw section.error(name, {
    what: "ids of another feature's value have no counterpart",
    expected: "a column",
    next: "Read the column that the other feature reads.",
  });
}

const separatorOf = (section: Section): string => section.text("separator") ?? SEPARATOR;

function pooling(section: Section): Config {
  const pooled = section.text("pooling") ?? "sum";
  return pooled === "sum" ? {} : { pooling: pooled };
}

function vector(section: Section, separator: string): Config {
  const width = section.number("value_dim") || 1;
  return width === 1 ? {} : { width, separator };
}

const idValue = (text: string): string | number => (/^-?\d+$/.test(text) ? Number(text) : text);

/** A default outside the vocabulary has a row of its own there, and the row of missing values is its counterpart. */
function defaultId(mapping: Config, value: string): unknown {
  const { vocabulary } = mapping;
  return Array.isArray(vocabulary) && !vocabulary.includes(value) ? "bucket" : { value: idValue(value) };
}

/** A number as it stands in a column; `undefined` where only an expression has the same meaning. */
function plainNumber(section: Section): Config | undefined {
  const boundaries = section.numbers("boundaries");
  const normalizer = normalizerOf(section);
  if (boundaries.length > 0) return normalizer ? undefined : bounded(section);
  const fallback = defaultNumber(section);
  if (!normalizer) return { missing: fallback };
  if (fallback === "refuse") return { normalize: normalizer.normalize, missing: fallback };
  const missing = rawValueFor(normalizer.expression, fallback);
  return missing === undefined ? undefined : { normalize: normalizer.normalize, missing };
}

/** The computed number of a derived feature: normalised, or put into ranges. */
function numbers(section: Section): Config {
  pooling(section);
  const plain = plainNumber(section);
  if (plain) return plain;
  throw section.error("normalizer", {
    what: "this feature's number cannot be normalised so",
    expected: "no boundaries, and a formula that takes some number to default_value",
    next: "Give the boundaries in raw units, or set default_value to a value that the formula can have.",
  });
}

/** Ranges of a number, or the number itself. */
function bounded(section: Section): Config {
  const boundaries = section.numbers("boundaries");
  const fallback = defaultNumber(section);
  if (boundaries.length === 0) return { missing: fallback };
  return { boundaries, missing: fallback === "refuse" ? "bucket" : fallback };
}

/** What stands for a missing number; several numbers must be one. */
function defaultNumber(section: Section): number | "refuse" {
  const text = section.text("default_value") ?? "0";
  if (text === "") return "refuse";
  const values = new Set(text.replaceAll(SEPARATOR, ",").split(/[,|]/).map(Number));
  const [value] = values;
  if (values.size === 1 && Number.isFinite(value)) return value;
  throw section.error("default_value", {
    what: "there is no counterpart",
    expected: "one number",
    next: "Use one number for the whole vector.",
  });
}

/** What a map gave: ids, or numbers to combine into one. */
function found(section: Section, ids: boolean): Config {
  const combiner = section.text("combiner") ?? "sum";
  if (ids) {
    const given = section.text("default_value");
    if (given)
      section.warn("default_value", "has no counterpart: a row in which nothing is found has no id here");
    section.number("value_dim");
    return { ...idRows(section).mapping, ...pooling(section) };
  }
  const width = section.number("value_dim") || 1;
  return { ...(combiner !== "sum" && { combiner }), ...(width > 1 && { width }), ...numbers(section) };
}
