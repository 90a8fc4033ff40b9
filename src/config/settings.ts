import { ConfigError } from "../errors.js";
import { formatPath, locate, type Path, parsePath, valueAt } from "./paths.js";

/** A value for the setting at a dotted path; `null` removes the setting, so that its default counts. */
export interface Setting {
  readonly path: string;
  readonly value: unknown;
}

/** The path, up to the first `=` that is not quoted. */
const SETTING = /^((?:[^="]|"(?:[^"\\]|\\.)*")+)=(.*)$/s;

/**
 * Reads `train.batchSize=512`. The value is JSON, or else the text itself.
 * @throws ConfigError
 */
export function parseSetting(text: string): Setting {
  const found = SETTING.exec(text);
  if (found) return { path: found[1], value: jsonOr(found[2]) };
  throw new ConfigError({
    what: "a setting needs a path and a value",
    where: text,
    expected: "path=value, such as train.batchSize=512",
    next: "Write the path, an equals sign, and the value as JSON or as a text.",
  });
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * A copy of a config as written, with these settings. Objects on the way to a setting that are not written are added; they
 * keep the kind that is their default.
 * @param defaults the same config with its defaults filled in
 * @throws ConfigError for a path that cannot be followed; unknown keys are found when the config is checked
 */
export function withSettings(
  config: unknown,
  settings: readonly Setting[],
  defaults: (config: unknown) => unknown,
): unknown {
  return settings.reduce(
    (before, { path, value }) =>
      replace(before, locate(before, parsePath(path)), value, () => defaults(before)),
    config,
  );
}

function replace(config: unknown, path: Path, value: unknown, defaults: () => unknown): unknown {
  const set = (at: unknown, depth: number): unknown => {
    if (depth === path.length) return value;
    const key = path[depth];
    const whole = at ?? kindOf(valueAt(defaults(), path.slice(0, depth)), formatPath(path.slice(depth)));
    const inner = set((whole as Record<PropertyKey, unknown>)[key], depth + 1);
    if (Array.isArray(whole)) return whole.with(key as number, inner);
    if (inner !== null) return { ...whole, [key]: inner };
    const { [key]: _, ...rest } = whole as Record<PropertyKey, unknown>;
    return rest;
  };
  return set(config, 0);
}

/** The kind of an object that is not written, unless the path sets it. */
function kindOf(value: unknown, inside: string): object {
  const kind = (value as { kind?: unknown } | undefined)?.kind;
  return kind === undefined || inside === "kind" ? {} : { kind };
}
