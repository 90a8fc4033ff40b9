import { scratchDirectory } from "../../data/pack/owned-directory.js";
import { growingConfig } from "../../data/stretch/growing-config.js";
import { GrowingFiles, GrowingRows, type GrowingSource } from "../../data/stretch/growing-source.js";
import type { ContinueOptions } from "./options.js";

/** The source of the new rows of a run. */
export function growingSource({ config }: Pick<ContinueOptions, "config">): GrowingSource {
  const { data } = config;
  const [source, where] = growingConfig(data);
  return data.cursor === undefined
    ? new GrowingFiles(config, source, where, scratchDirectory())
    : new GrowingRows(config, source, where, data.cursor, scratchDirectory());
}
