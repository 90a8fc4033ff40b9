import type { z } from "zod";
import type { ErrorReport } from "../errors.js";
import { closeNames } from "../near-names.js";
import { showValue } from "../show-value.js";
import { formatPath, valueAt } from "./paths.js";
import { formsAt, keysAt } from "./schema-walk.js";

type Issue = z.core.$ZodIssue;

/**
 * Turns a schema's issues into a report for the author of the config: the first issue in full, and a count of the
 * others.
 */
export function describeIssues(
  schema: z.core.$ZodType,
  issues: readonly Issue[],
  config: unknown,
): ErrorReport {
  const report = describeIssue(schema, issues[0], config);
  const more = issues.length - 1;
  if (more === 0) return report;
  const others = issues.slice(1, 4).map(({ path }) => formatPath(path));
  const listed = `${[...new Set(others)].join(", ")}${more > 3 ? ", …" : ""}`;
  return { ...report, next: `${report.next ?? ""} Then ${more} more: ${listed}.`.trim() };
}

function describeIssue(schema: z.core.$ZodType, issue: Issue, config: unknown): ErrorReport {
  const where = formatPath(issue.path);
  const got = showValue(valueAt(config, issue.path));
  switch (issue.code) {
    case "unrecognized_keys":
      return describeUnknownKey(schema, issue, config);
    case "invalid_type":
      return {
        what: got === "nothing" ? "a value is missing" : "a value has the wrong type",
        where,
        got,
        expected: typeNames[issue.expected] ?? issue.expected,
        next:
          got === "nothing"
            ? `Add ${where}; docs/config.md describes it.`
            : "Set it as docs/config.md describes.",
      };
    case "invalid_value":
      return {
        what: "a value is not one of those allowed",
        where,
        got,
        expected: issue.values.map((value) => JSON.stringify(value)).join(", "),
        next: nextForChoice(valueAt(config, issue.path), issue.values.map(String)),
      };
    case "too_small":
    case "too_big":
      return {
        what: "a value is out of range",
        where,
        got,
        expected: boundOf(issue),
        next: `Set ${where} to ${boundOf(issue)}.`,
      };
    case "invalid_union":
      return describeUnion(schema, issue, config, where, got);
    default:
      if (issue.code === "custom" && issue.params?.what)
        return { ...(issue.params as ErrorReport & Record<string, unknown>), where };
      return {
        what: issue.message,
        where,
        got,
        expected: issue.code === "custom" ? issue.params?.expected : undefined,
        next: "Correct it; docs/config.md lists what each key allows.",
      };
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  template_literal: '"<label>.<metric>" of one of several labels',
};

function describeUnknownKey(
  schema: z.core.$ZodType,
  issue: Extract<Issue, { code: "unrecognized_keys" }>,
  config: unknown,
): ErrorReport {
  const [key] = issue.keys;
  const known = keysAt(schema, issue.path, config);
  const siblings = (valueAt(config, issue.path) ?? {}) as Record<string, unknown>;
  const [near] = closeNames(key, known);
  const also = siblings[near] === undefined ? "" : ` It is set too: correct the name, or remove "${key}".`;
  return {
    what: `unknown key "${key}"`,
    where: formatPath([...issue.path, key]),
    got: showValue(valueAt(config, [...issue.path, key])),
    expected: known.length > 0 ? `one of ${known.join(", ")}` : "no such key",
    next: near === undefined ? `Remove "${key}".` : `Did you mean "${near}"?${also}`,
  };
}

/** Suggests a similar name if there is one. */
function nextForChoice(typed: unknown, known: readonly string[]): string {
  const near = typeof typed === "string" ? closeNames(typed, known) : [];
  return near.length > 0 ? `Did you mean "${near[0]}"?` : "Choose one of them.";
}

function boundOf(issue: Extract<Issue, { code: "too_small" | "too_big" }>): string {
  const [limit, inside, outside] =
    issue.code === "too_small" ? [issue.minimum, "at least", "above"] : [issue.maximum, "at most", "below"];
  const bound = `${issue.inclusive === false ? outside : inside} ${limit}`;
  if (issue.origin === "array") return `a list of ${bound} entr${limit === 1 ? "y" : "ies"}`;
  if (issue.origin === "string") return `a text of ${bound} character${limit === 1 ? "" : "s"}`;
  return `a number ${bound}`;
}

/** Reports the branch of a union that matched deepest. */
function describeUnion(
  schema: z.core.$ZodType,
  issue: Extract<Issue, { code: "invalid_union" }>,
  config: unknown,
  where: string,
  got: string,
): ErrorReport {
  if ("discriminator" in issue && issue.discriminator !== undefined) {
    const path = [...issue.path];
    if (path.at(-1) !== issue.discriminator) path.push(issue.discriminator as string);
    const options = "options" in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    const typed = valueAt(config, path);
    return {
      what:
        typed === undefined
          ? `${String(issue.discriminator)} is missing`
          : `there is no such ${String(issue.discriminator)}`,
      where: formatPath(path),
      got: showValue(typed),
      expected: `one of ${options.map((option) => JSON.stringify(option)).join(", ")}`,
      next: nextForChoice(typed, options),
    };
  }
  const nested = issue.errors
    .flat()
    .filter((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys")
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (nested)
    return describeIssue(schema, { ...nested, path: [...issue.path, ...nested.path] } as Issue, config);
  const value = valueAt(config, issue.path);
  const words = issue.errors.flat().flatMap((inner) => (inner.code === "invalid_value" ? inner.values : []));
  const near = typeof value === "string" ? closeNames(value, words.map(String)) : [];
  return {
    what: "a value has none of the allowed forms",
    where,
    got,
    expected: formsOf(schema, issue.path, config).join(", or "),
    next: near.length > 0 ? `Did you mean "${near[0]}"?` : "Use one of these forms.",
  };
}

/** The forms allowed at a path: one text per branch of a union. */
function formsOf(schema: z.core.$ZodType, path: readonly PropertyKey[], config: unknown): string[] {
  const forms = formsAt(schema, path, config).map(({ type, values, keys }) => {
    if (values) return values.map((value) => JSON.stringify(value)).join(", ");
    if (keys) return `{ ${keys.join(", ")} }`;
    return typeNames[type] ?? type;
  });
  return [...new Set(forms)];
}
