import type { Setting } from "../config/settings.js";

/** `train.batchSize 512, model.embeddingDim 8` */
export const settingWords = (settings: readonly Setting[]): string =>
  settings.map(({ path, value }) => `${path} ${valueWords(value)}`).join(", ");

/**
 * The shortest end of each path that tells it from the others: `dense.learningRate` beside `embedding.learningRate`, but
 * `dropout`.
 */
export function shortNames(paths: readonly string[]): ReadonlyMap<string, string> {
  const endsOf = (path: string) => {
    const keys = path.split(".");
    return keys.map((_, i) => keys.slice(keys.length - 1 - i).join("."));
  };
  const isIts = (end: string, path: string) =>
    paths.every((other) => other === path || !`.${other}`.endsWith(`.${end}`));
  return new Map(paths.map((path) => [path, endsOf(path).find((end) => isIts(end, path)) ?? path]));
}

export const valueWords = (value: unknown): string =>
  typeof value === "number"
    ? String(Number(value.toPrecision(4)))
    : spaced(JSON.stringify(value) ?? "nothing");

/** `["a", "b"]`, so that a line can be broken after a comma. */
const spaced = (json: string): string => json.replaceAll(/("(?:[^"\\]|\\.)*")|,/g, (_, text) => text ?? ", ");
