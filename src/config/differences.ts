import { formatPath, leavesOf, parsePath } from "./paths.js";

/** A value of a config by its dotted path; undefined: the config leaves it to the default. */
export type Settings = Readonly<Record<string, unknown>>;

/** What does not change a result, or is no setting. */
const IGNORED = /^(search|data\.cacheDir|train\.threads|train\.checkpoint)(?=[.[]|$)/;

/**
 * For each config the settings in which the configs differ, by dotted path. A setting that belongs to another kind (the
 * model's layers, where the models differ) is no difference: the kind is.
 */
export function differencesOf(configs: readonly unknown[]): Settings[] {
  const leaves = configs.map((config) => leavesOf(withoutRows(config)));
  const paths = new Set(leaves.flatMap((each) => [...each.keys()]));
  const differing = [...paths].filter((path) => !IGNORED.test(path) && differs(path, leaves));
  return leaves.map((each) =>
    Object.fromEntries(differing.filter((path) => each.has(path)).map((path) => [path, each.get(path)])),
  );
}

type Leaves = ReadonlyMap<string, unknown>;

function differs(path: string, configs: readonly Leaves[]): boolean {
  const having = configs.filter((leaves) => leaves.has(path));
  if (new Set(having.map((leaves) => JSON.stringify(leaves.get(path)))).size > 1) return true;
  const kinds = kindPaths(path);
  return configs.some(
    (leaves) =>
      !leaves.has(path) &&
      having.some((other) => kinds.every((kind) => leaves.get(kind) === other.get(kind))),
  );
}

/** The paths of the kinds of all objects that a setting is inside. */
function kindPaths(path: string): string[] {
  const keys = parsePath(path);
  return keys.slice(1).map((_, i) => formatPath([...keys.slice(0, i + 1), "kind"]));
}

/** Rows given in a config are data, not settings. */
function withoutRows(config: unknown): unknown {
  const { data, ...rest } = (config ?? {}) as { data?: Record<string, unknown> };
  const sources = Object.entries(data ?? {}).flatMap(([name, source]) => {
    if (typeof source !== "object" || source === null || !("rows" in source)) return [[name, source]];
    const { rows: _, ...others } = source;
    return Object.keys(others).length > 0 ? [[name, others]] : [];
  });
  return { ...rest, data: Object.fromEntries(sources) };
}
