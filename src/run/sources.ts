import { type DataConfig, type SourceConfig, type SplitName, splitNames } from "../data/data-config.js";
import { ConfigError } from "../errors.js";

/** The source of one split of a config; its predicate becomes part of the SQL. @throws ConfigError if there is no such split */
export function splitSource(data: DataConfig, split: SplitName): SourceConfig {
  const predicate = data.split?.[split];
  if (data.source && predicate !== undefined) {
    const sql = data.source.sql?.replace(/;\s*$/, "") ?? "SELECT * FROM source";
    return { ...data.source, sql: `SELECT * FROM (${sql}\n) WHERE (${predicate}\n)` };
  }
  const own = data[split];
  if (own) return own;
  throw new ConfigError({
    what: "the config has no such split",
    where: data.source ? `data.split.${split}` : `data.${split}`,
    got: "nothing",
    expected: `one of ${splitNames.filter((name) => data.split?.[name] ?? data[name]).join(", ")}`,
    next: "Choose one of them, or give files with --data.",
  });
}

export interface OtherData {
  readonly files: readonly string[];
  /** Replaces the `sql` of the config. */
  readonly sql?: string;
}

const TEXT_KEYS = ["header", "columns", "delimiter", "skip", "types", "nullValues"] as const;

/** Other files, read like the training data: with the SQL of the config and, for text files, its options. */
export function otherSource(data: DataConfig, { files, sql }: OtherData): SourceConfig {
  const { rows, ...base } = data.source ?? data.train!;
  const known = /\.(csv|tsv|tab|parquet|pq|json|jsonl|ndjson)(\.gz|\.zst)?$/i.exec(files[0])?.[1];
  const isText = known === undefined || /^(csv|tsv|tab)$/i.test(known);
  const isJson = known !== undefined && /^(json|jsonl|ndjson)$/i.test(known);
  const fits = (key: string) =>
    isText || !(TEXT_KEYS as readonly string[]).includes(key) || (isJson && key === "types");
  const kept = Object.entries(base).filter(([key]) => fits(key) && !(known && key === "format"));
  return { ...Object.fromEntries(kept), path: [...files], ...(sql !== undefined && { sql }) };
}
