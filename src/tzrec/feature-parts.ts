import type { ImportError } from "./import-error.js";
import { idRows } from "./map-ids.js";
import { normalizerOf, rawValueFor } from "./normalizers.js";
import type { Section } from "./section.js";

/** Parts of a feature's config that several kinds share. */

export type Config = Readonly<Record<string, unknown>>;

/** The default separator of multi-valued texts in TorchEasyRec. */
export const SEPARATOR = "\x1d";

type Source = string | { feature: string } | { constant: string };

/** `user:cate` is a column, `feature:cate` another feature, `const:red` the text red in all rows. */
export function sourceFrom(text: string): Source {
  const at = text.indexOf(":");
  const [side, input] = at < 0 ? ["", text] : [text.slice(0, at), text.slice(at + 1)];
  if (side === "feature") return { feature: input };
  return side === "const" ? { constant: input } : input;
}

export function sourceOf(section: Section, name: string): Source {
  // Without an expression, the column has the name of the feature.
  const own = name === "expression" ? section.text("feature_name") : undefined;
  return sourceFrom(section.text(name) ?? own ?? section.missing(name));
}

export function columnOf(section: Section, name: string): string {
  const source = sourceOf(section, name);
  if (typeof source === "string") return source;
  throw section.error(name, {
    what: "ids that are not read from a column have no counterpart",
    got: section.text(name),
    expected: "a column",
    next:
      "feature" in source
        ? "Read the column that the other feature reads."
        : "Remove the feature: its embedding is the same in all rows.",
  });
}

export const separatorOf = (section: Section): string => section.text("separator") ?? SEPARATOR;

export function pooling(section: Section): Config {
  const pooled = (section.text("pooling") ?? "sum").toLowerCase();
  return pooled === "sum" ? {} : { pooling: pooled };
}

/** Ids with weights, `id:weight`. */
export const weighted = (section: Section): Config => (section.boolean("weighted") ? { weighted: true } : {});

export function vector(section: Section, separator: string): Config {
  const width = section.number("value_dim") || 1;
  return width === 1 ? {} : { width, separator };
}

/**
 * The id of a missing value, or of a bag without ids. Lookups have the default "0" in TorchEasyRec.
 * @throws ImportError if the table has no row for it, and for several ids
 */
export function standIn(
  section: Section,
  name: string,
  { buckets }: Config,
  separator = separatorOf(section),
): Config {
  const text = section.text(name) ?? "";
  if (text === "") return {};
  if (text.includes(separator) && section.number("value_dim") !== 1) throw severalIds(section, name, text);
  if (buckets === undefined) return { missing: { value: text } };
  const id = Number(text);
  if (Number.isInteger(id) && id >= 0 && id < Number(buckets)) return { missing: { value: id } };
  throw section.error(name, {
    what: "this id has no row in the table",
    got: JSON.stringify(text),
    expected: `one integer from 0 to ${Number(buckets) - 1}`,
    next: "Use one of them, or leave it empty: a row without ids is then a zero vector.",
  });
}

function severalIds(section: Section, name: string, text: string): ImportError {
  return section.error(name, {
    what: "a default of several ids has no counterpart",
    got: JSON.stringify(text),
    expected: "one id",
    next: "Use one of them, or leave it empty: a row without ids is then a zero vector.",
  });
}

/** Settings of a number read from a column; `undefined` if only an expression has the same meaning. */
export function plainNumber(section: Section): Config | undefined {
  const boundaries = section.numbers("boundaries");
  const normalizer = normalizerOf(section);
  if (boundaries.length > 0) return normalizer ? undefined : bounded(section);
  const fallback = defaultNumber(section);
  if (!normalizer) return { missing: fallback };
  if (fallback === "refuse") return { normalize: normalizer.normalize, missing: fallback };
  const raw = [fallback].flat().map((value) => rawValueFor(normalizer.expression, value));
  if (raw.includes(undefined)) return undefined;
  return { normalize: normalizer.normalize, missing: Array.isArray(fallback) ? raw : raw[0] };
}

/** Settings of a computed number: normalized, or with boundaries. */
export function numbers(section: Section): Config {
  const plain = plainNumber(section);
  if (plain) return plain;
  throw section.error("normalizer", {
    what: "a computed number cannot be normalized in this way",
    expected: "no boundaries, and a formula for which some number gives default_value",
    next: "Set the boundaries in raw units, or set default_value to a value that the formula can give.",
  });
}

/** Boundaries of a number, or the number itself. */
export function bounded(section: Section): Config {
  const boundaries = section.numbers("boundaries");
  const fallback = defaultNumber(section);
  if (boundaries.length === 0) return { missing: fallback };
  return { boundaries, missing: fallback === "refuse" ? "bucket" : fallback };
}

/** The value for a missing number or vector. */
export function defaultNumber(section: Section): number | number[] | "refuse" {
  // A combined number without a default is 0.
  const text = section.text("default_value") || (section.has("default_value") ? "" : "0");
  return text === "" ? "refuse" : numbersIn(section, "default_value", text, separatorOf(section));
}

/** A number, also for all elements of a vector, or a whole vector. @throws ImportError for anything else */
export function numbersIn(
  section: Section,
  name: string,
  text: string,
  separator: string,
): number | number[] {
  const width = section.number("value_dim") || 1;
  const isNumber = width === 1 || Number.isFinite(Number(text));
  const parts = isNumber
    ? [text]
    : text.replaceAll(text.includes(separator) ? separator : SEPARATOR, ",").split(/[,|]/);
  const values = parts.map(Number);
  const isOne = new Set(values).size === 1;
  if (values.every(Number.isFinite) && (isOne || values.length === width)) return isOne ? values[0] : values;
  throw section.error(name, {
    what: "this default has no counterpart",
    got: JSON.stringify(text),
    expected: width === 1 ? "one number" : `one number, or ${width} numbers`,
    next: "Correct the default.",
  });
}

/** How several numbers are reduced to one. */
export function combiner(section: Section): Config {
  const given = (section.text("combiner") ?? "sum").toLowerCase();
  const name = given === "avg" ? "mean" : given;
  if (name === "sum") return {};
  if (["mean", "min", "max", "count"].includes(name)) return { combiner: name };
  throw section.error("combiner", {
    what: "this combiner has no counterpart",
    expected: "sum, mean, avg, min, max or count",
    next: "Use one of them.",
  });
}

/** Settings of values found in a map: ids, or numbers to combine into one. */
export function found(section: Section, ids: boolean): Config {
  if (!ids) {
    const width = section.number("value_dim") || 1;
    return { ...combiner(section), ...(width > 1 && { width }), ...numbers(section) };
  }
  if (section.kind !== "CombineFeature") section.ignore(["combiner"], "has no effect on ids");
  section.number("value_dim");
  const { mapping } = idRows(section);
  return { ...mapping, ...pooling(section), ...standIn(section, "default_value", mapping) };
}
