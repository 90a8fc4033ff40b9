import type { SourceConfig } from "../data-config.js";
import type { Demand } from "./demand.js";
import type { Duck } from "./duckdb.js";
import { jsonRelation } from "./json-relation.js";
import { parquetRelation } from "./parquet-relation.js";
import type { Relation } from "./relation.js";
import type { SourceFiles, SourceFormat } from "./source-files.js";
import { sparseRelation } from "./sparse-relation.js";
import { textRelation } from "./text-relation.js";

const RELATIONS: Record<SourceFormat, typeof textRelation> = {
  csv: textRelation,
  tsv: textRelation,
  json: jsonRelation,
  parquet: parquetRelation,
  libsvm: sparseRelation,
  libffm: sparseRelation,
};

/** The rows of files of any format. */
export function openRelation(
  duck: Duck,
  config: SourceConfig,
  files: SourceFiles,
  demand: Demand,
  where: string,
): Promise<Relation> {
  return RELATIONS[files.format](duck, config, files, demand, where);
}
