import { numberValue } from "../features/values.js";
import {
  bounded,
  type Config,
  columnOf,
  combiner,
  found,
  numbers,
  plainNumber,
  pooling,
  SEPARATOR,
  separatorOf,
  sourceFrom,
  sourceOf,
  standIn,
  vector,
  weighted,
} from "./feature-parts.js";
import { hasMapping, idRows, isTokenizer, vocabularyFile } from "./map-ids.js";
import { checkExpression, normalizerOf } from "./normalizers.js";
import type { Section } from "./section.js";

/** Maps a feature with raw inputs to its config without name and table. */
type Kind = (section: Section) => Config;

const ONE_NUMBER = "has no effect: the feature is one number";

/** The kinds of features by their names in TorchEasyRec. */
export const KINDS: Readonly<Record<string, Kind>> = {
  id_feature(section) {
    const { mapping } = idRows(section);
    const column = columnOf(section, "expression");
    const missing = standIn(section, "default_value", mapping);
    const weight = weighted(section);
    const separator = separatorOf(section);
    const pooled = pooling(section);
    const isSingle = section.number("value_dim") === 1 && "missing" in missing && !weight.weighted;
    if (isSingle) return { kind: "id", column, ...mapping, ...missing };
    return { kind: "ids", column, separator, ...weight, ...mapping, ...pooled, ...missing };
  },

  raw_feature(section) {
    const source = sourceOf(section, "expression");
    if (typeof source === "object" && "constant" in source && !Number.isFinite(numberValue(source.constant)))
      throw section.error("expression", {
        what: "this constant is no number",
        got: source.constant,
        next: "Write a number after const:, or read a column.",
      });
    const width = vector(section, separatorOf(section));
    if (!("width" in width)) section.ignore(["separator"], ONE_NUMBER);
    if (typeof source === "string") {
      const plain = plainNumber(section);
      if (plain) return { kind: "number", column: source, ...width, ...plain };
    }
    if ("width" in width)
      throw section.error("value_dim", {
        what: "a vector with these settings has no counterpart",
        expected: "a column of numbers, without boundaries",
      });
    const expression = normalizerOf(section)?.expression ?? "x";
    return { kind: "expression", variables: { x: source }, expression, ...bounded(section) };
  },

  combo_feature(section) {
    const inputs = section.texts("expression").map(sourceFrom);
    return { kind: "combo", inputs, separator: separatorOf(section), ...found(section, true) };
  },

  lookup_feature(section) {
    const discrete = section.boolean("need_discrete") ?? false;
    const withKey = section.boolean("need_key") ?? false;
    section.onlyDefault(
      "value_separator",
      ",",
      "Remove it: the numbers of a value are separated by commas in Pairloom.",
    );
    const separator = separatorOf(section);
    const key = sourceOf(section, "key");
    const map = sourceOf(section, "map");
    return {
      kind: "lookup",
      // In TorchEasyRec the separator of maps is fixed; the setting is the separator of keys.
      map: typeof map === "string" && separator !== SEPARATOR ? { column: map, separator: SEPARATOR } : map,
      key,
      separator,
      ...(withKey && { withKey }),
      ...found(section, discrete || withKey || hasMapping(section)),
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
      ...found(section, discrete || withPrimary || withSecondary || hasMapping(section)),
    };
  },

  expr_feature(section) {
    const texts = section.texts("variables");
    const constant = texts.find((text) => text.startsWith("const:"));
    if (constant !== undefined)
      throw section.error("variables", {
        what: "a variable that is a constant has no name in the expression",
        got: constant,
        next: "Write the number in the expression instead.",
      });
    const variables = Object.fromEntries(
      texts.map((text) => [text.slice(text.indexOf(":") + 1), sourceFrom(text)]),
    );
    const expression = section.text("expression") ?? section.missing("expression");
    checkExpression(section, "expression", expression, Object.keys(variables));
    section.ignore(["separator"], ONE_NUMBER);
    section.ignore(["fill_missing"], "is for vectors: an expression computes one number in Pairloom");
    const several = section.number("value_dim") ?? 0;
    if (several > 1) throw section.unsupported("value_dim", "Compute one number in each feature.");
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
    return {
      kind: "kvDot",
      query: sourceOf(section, "query"),
      document: sourceOf(section, "document"),
      separator: separatorOf(section),
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
    const isId = hasMapping(section);
    return { ...common, ...(isId && combiner(section)), ...found(section, isId) };
  },

  bool_mask_feature(section) {
    const [input, mask] = section.texts("expression").map(sourceFrom);
    return { kind: "mask", input, mask, separator: separatorOf(section), ...found(section, true) };
  },

  tokenize_feature(section) {
    const file = vocabularyFile(section);
    if (file.endsWith(".model"))
      throw section.error("vocab_file", {
        what: "a binary sentencepiece model has no counterpart",
        expected: "a tokenizer.json, or a file with one word per line",
        next: "Convert it: PreTrainedTokenizerFast of the Python package transformers saves a tokenizer.json.",
      });
    const subwords = isTokenizer(file);
    if (!subwords) section.warn("vocab_file", "is read as one word per line; texts are split at white space");
    section.text("tokenizer_type");
    const { mapping } = idRows(section);
    return {
      kind: "tokenize",
      input: sourceOf(section, "expression"),
      ...textSteps(section),
      ...(subwords ? { tokenizer: { file } } : mapping),
      ...pooling(section),
      ...standIn(section, "default_value", mapping),
    };
  },
};

/** The steps of TextNormalizeOption that have a counterpart, by their enum numbers, in the order of execution. */
const TEXT_STEPS: readonly [option: number, step: string][] = [
  [0, "uppercase"],
  [1, "lowercase"],
  [2, "halfWidth"],
  [6, "removeSpaces"],
  [5, "splitHan"],
];

function textSteps(section: Section): Config {
  const normalizer = section.section("text_normalizer");
  if (!normalizer) return {};
  for (const name of ["max_length", "stop_char_file"])
    if (normalizer.has(name))
      throw normalizer.unsupported(
        name,
        "Remove it; normalizeText: [{ remove: PATTERN }] removes characters.",
      );
  const options = normalizer.texts("norm_options").map(Number);
  const steps = TEXT_STEPS.filter(([option]) => options.includes(option)).map(([, step]) => step);
  if (options.length > 0 && steps.length === options.length) return { normalizeText: steps };
  throw normalizer.error("norm_options", {
    what: "TEXT_CHT2CHS and TEXT_FILTER, which are part of the default, have no counterpart",
    expected: "some of TEXT_LOWER2UPPER, TEXT_UPPER2LOWER, TEXT_SBC2DBC, TEXT_SPLITCHRS, TEXT_REMOVE_SPACE",
    next: "List only these, and do the others in data.train.sql or with normalizeText: [{ remove: PATTERN }].",
  });
}
