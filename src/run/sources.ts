import {
  type DataConfig,
  hasTextKey,
  isTextKey,
  type SourceConfig,
  type SplitName,
  splitNames,
} from "../data/data-config.js";
import type { ScanOptions } from "../data/source/scan.js";
import { formatByName } from "../data/source/source-files.js";
import { splitsOf } from "../data/split/split-config.js";
import { ConfigError } from "../errors.js";

export interface SplitSource {
  readonly source: SourceConfig;
  /** Which rows of the source; all of them without it. */
  readonly split?: ScanOptions["split"];
}

/** The splits of a config. */
export function splitsOfData(data: DataConfig): readonly SplitName[] {
  return data.split ? splitsOf(data.split) : splitNames.filter((each) => data[each]);
}

/** The split that a model is measured on if nobody names one: the test split, or else the validation split. */
export function measuredSplit(data: DataConfig): SplitName {
  const names = splitsOfData(data);
  return !names.includes("test") && names.includes("valid") ? "valid" : "test";
}

/** The key of the config that has the source of a split. */
export function splitPlace(data: DataConfig, name: SplitName): string {
  return data.source ? "data.source" : `data.${name}`;
}

/** The source of one split of a config. @throws ConfigError if there is no such split */
export function splitSource(data: DataConfig, name: SplitName): SplitSource {
  const names = splitsOfData(data);
  if (names.includes(name))
    return data.split
      ? { source: data.source!, split: { config: data.split, name } }
      : { source: data[name]! };
  throw new ConfigError({
    what: "the config has no such split",
    where: data.source ? `data.split.${name}` : `data.${name}`,
    got: "nothing",
    expected: `one of ${names.join(", ")}`,
    next: `Give --split ${names.at(-1)}, or files with --data.`,
  });
}

export interface OtherData {
  readonly files: readonly string[];
  /** Replaces the `sql` of the config. */
  readonly sql?: string;
}

/** Other files, read like the training data: with the SQL of the config and, for text files, its options. */
export function otherSource(data: DataConfig, { files, sql }: OtherData): SourceConfig {
  const source = otherFiles(data.source ?? data.train!, files);
  return { ...source, ...(sql !== undefined && { sql }) };
}

/** Other files, read with the settings of a source that their format has. */
export function otherFiles<S extends SourceConfig>({ rows, ...base }: S, files: readonly string[]): S {
  const known = formatByName(files[0]);
  const format = known ?? base.format;
  const fits = (key: string) => !isTextKey(key) || format === undefined || hasTextKey(format, key);
  const kept = Object.entries(base).filter(([key]) => fits(key) && !(known && key === "format"));
  return { ...Object.fromEntries(kept), path: [...files] } as S;
}
