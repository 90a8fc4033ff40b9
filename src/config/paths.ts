import { ConfigError } from "../errors.js";
import { nearNames } from "../near-names.js";
import { showValue } from "../show-value.js";

/** The place of a value in a config: keys of objects, and indices of lists. */
export type Path = readonly PropertyKey[];

/** `model.dense.mlp.hiddenUnits[1]`; keys that are not words are quoted: `types["zip code"]`. */
export function formatPath(path: Path): string {
  return path.map(formatKey).join("").replace(/^\./, "") || "the config";
}

function formatKey(key: PropertyKey): string {
  if (typeof key === "number") return `[${key}]`;
  const name = String(key);
  return /^[^.[\]="\s]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** A key of a written path: a word, `[3]`, or `["any text"]`. */
const KEY = /\.?([^.[\]="\s]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;

/**
 * Reads a dotted path, such as `train.optimizer.embedding.learningRate`, `features.origin.dim` or `features[3].dim`.
 * @throws ConfigError
 */
export function parsePath(text: string): Path {
  const path: PropertyKey[] = [];
  KEY.lastIndex = 0;
  while (KEY.lastIndex < text.length) {
    const found = KEY.exec(text);
    if (!found || (path.length === 0 && found[0].startsWith("."))) throw malformed(text);
    const [, word, index, quoted] = found;
    path.push(index !== undefined ? Number(index) : (word ?? JSON.parse(quoted)));
  }
  if (path.length === 0) throw malformed(text);
  return path;
}

/**
 * The path with the index of every list member that it names: the member of `features` whose `name` is `origin`, for
 * `features.origin.dim`.
 * @throws ConfigError if a list has no such member, or the path leads into a value that is neither list nor object
 */
export function locate(value: unknown, path: Path): Path {
  const located: PropertyKey[] = [];
  let at = value;
  for (const key of path) {
    if (at !== undefined && (typeof at !== "object" || at === null)) throw noInside(located, key, at);
    located.push(Array.isArray(at) ? indexOf(at, key, located) : key);
    at = (at as Record<PropertyKey, unknown> | undefined)?.[located.at(-1)!];
  }
  return located;
}

function indexOf(list: readonly unknown[], key: PropertyKey, path: Path): number {
  const index = typeof key === "number" ? key : list.findIndex((member) => nameOf(member) === key);
  if (index >= 0 && index < list.length) return index;
  const names = list.map(nameOf).filter((name) => name !== undefined);
  throw new ConfigError({
    what: `the list has no member ${typeof key === "number" ? key : `"${String(key)}"`}`,
    where: formatPath([...path, key]),
    got: `${list.length} members${names.length > 0 ? "" : ", without names"}`,
    expected:
      typeof key === "number" || names.length === 0
        ? `an index from 0 to ${list.length - 1}`
        : nearNames(String(key), names).join(", "),
    next: "Name a member by its name (features.origin.dim) or by its index (features[3].dim).",
  });
}

/** The name by which paths find a member of a list. */
function nameOf(member: unknown): string | undefined {
  const name = (member as { name?: unknown } | null | undefined)?.name;
  return typeof name === "string" ? name : undefined;
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

/** Every value that is not an object or a list of objects, by its dotted path; members of lists by their names. */
export function leavesOf(value: unknown, path: Path = []): Map<string, unknown> {
  if (!hasInside(value)) return new Map(path.length === 0 ? [] : [[formatPath(path), value]]);
  const names = Array.isArray(value) ? value.map(nameOf) : [];
  const inner = Object.entries(value).flatMap(([key, member], i) => {
    const own = Array.isArray(value) ? (names[i] ?? i) : key;
    return [...leavesOf(member, [...path, own])];
  });
  return new Map(inner);
}

function hasInside(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const members = Object.values(value);
  if (Array.isArray(value)) return members.some((member) => typeof member === "object");
  return members.length > 0;
}

function malformed(text: string): ConfigError {
  return new ConfigError({
    what: "this is not the path of a setting",
    where: text,
    expected: 'keys with dots, such as train.batchSize, features.origin.dim or data.source.types["zip code"]',
    next: "Correct the path; docs/config-reference.generated.md lists all settings.",
  });
}

function noInside(path: Path, key: PropertyKey, value: unknown): ConfigError {
  return new ConfigError({
    what: "the path leads into a value that has no settings inside",
    where: formatPath([...path, key]),
    got: `${formatPath(path)}: ${showValue(value)}`,
    expected: "an object or a list",
    next: `Set ${formatPath(path)} itself.`,
  });
}
