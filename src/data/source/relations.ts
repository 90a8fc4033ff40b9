import { jsonRelation } from "./json-relation.js";
import { parquetRelation } from "./parquet-relation.js";
import type { SourceFormat } from "./source-files.js";
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
export const openRelation: typeof textRelation = (duck, config, files, demand, where) =>
  RELATIONS[files.format](duck, config, files, demand, where);
