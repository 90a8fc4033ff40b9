import type { Setting } from "../config/settings.js";

/** `train.batchSize 512, model.embeddingDim 8` */
export const settingWords = (settings: readonly Setting[]): string =>
  settings.map(({ path, value }) => `${path} ${valueWords(value)}`).join(", ");

export const valueWords = (value: unknown): string =>
  typeof value === "number"
    ? String(Number(value.toPrecision(4)))
    : spaced(JSON.stringify(value) ?? "nothing");

/** `["a", "b"]`, so that a line can be broken after a comma. */
const spaced = (json: string): string => json.replaceAll(/("(?:[^"\\]|\\.)*")|,/g, (_, text) => text ?? ", ");
