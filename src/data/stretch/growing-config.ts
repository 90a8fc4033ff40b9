import type { DataConfig, GrowingSourceConfig, SourceConfig } from "../data-config.js";

/** The config of the source of new rows, and its path. */
export function growingConfig({
  continue: own,
  source,
  train,
}: DataConfig): [SourceConfig | GrowingSourceConfig, string] {
  if (own) return [own, "data.continue"];
  return source ? [source, "data.source"] : [train!, "data.train"];
}
