import type { z } from "zod";
import { nearNames } from "../data/near-names.js";
import type { ErrorReport } from "../errors.js";

type Issue = z.core.$ZodIssue;

/** What a schema's complaint means for the person who wrote the config. */
export function describeIssue(issue: Issue, config: unknown): ErrorReport {
  const where = formatPath(issue.path);
  const got = show(valueAt(config, issue.path));
  switch (issue.code) {
    case "unrecognized_keys": {
      const [key] = issue.keys;
      const known = knownKeys(issue);
      const near = nearNames(key, known);
      return {
        what: `unknown key "${key}"`,
        where: formatPath([...issue.path, key]),
        got: show(valueAt(config, [...issue.path, key])),
        expected: known.length > 0 ? `one of ${known.join(", ")}` : "no such key",
        next: near.length > 0 ? `Did you mean "${near[0]}"?` : `Remove "${key}".`,
      };
    }
    case "invalid_type":
      return {
        what: got === "nothing" ? "a value is missing" : "a value has the wrong type",
        where,
        got,
        expected: issue.expected,
        next: "Set it as docs/config.md describes.",
      };
    case "invalid_value":
      return {
        what: "a value is not one of those allowed",
        where,
        got,
        expected: issue.values.map(String).join(", "),
        next: "Choose one of them.",
      };
    case "invalid_union":
      return describeUnion(issue, config, where, got);
    default:
      return {
        what: issue.message,
        where,
        got,
        next: "Correct it; docs/config.md lists what each key allows.",
      };
  }
}

/** Of a union's branches, the complaint of the one that got furthest into the value says most. */
function describeUnion(
  issue: Extract<Issue, { code: "invalid_union" }>,
  config: unknown,
  where: string,
  got: string,
): ErrorReport {
  if ("discriminator" in issue && issue.discriminator !== undefined) {
    const path = [...issue.path];
    if (path.at(-1) !== issue.discriminator) path.push(issue.discriminator as string);
    const options = "options" in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    return {
      what: `there is no such ${String(issue.discriminator)}`,
      where: formatPath(path),
      got: show(valueAt(config, path)),
      expected:
        options.length > 0 ? `one of ${options.join(", ")}` : `a known ${String(issue.discriminator)}`,
      next: "Choose one of them.",
    };
  }
  const nested = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0];
  if (nested && nested.path.length > 0)
    return describeIssue({ ...nested, path: [...issue.path, ...nested.path] } as Issue, config);
  const expected = issue.errors.flatMap((branch) => branch.map((inner) => inner.message)).join("; or ");
  return {
    what: "a value fits none of the forms allowed",
    where,
    got,
    expected,
    next: "Use one of these forms.",
  };
}

/** `model.dense.mlp.hiddenUnits[1]` */
export function formatPath(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return text.replace(/^\./, "") || "the config";
}

function knownKeys(issue: Issue): string[] {
  const schema =
    "inst" in issue ? (issue.inst as { shape?: Record<string, unknown> } | undefined) : undefined;
  return Object.keys(schema?.shape ?? {});
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "function" ? "a function" : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
