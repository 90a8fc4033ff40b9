import { scratchDirectory } from "../../data/pack/owned-directory.js";
import { growingConfig } from "../../data/stretch/growing-config.js";
import { GrowingFiles, GrowingRows, type GrowingSource } from "../../data/stretch/growing-source.js";
import { GrowingTopic } from "../../data/stretch/growing-topic.js";
import { openKafka } from "../../data/topic/kafka.js";
import type { ContinueOptions } from "./options.js";

/** The source of the new rows of a run. */
export async function growingSource(
  options: Pick<ContinueOptions, "config" | "signal" | "untilEnd">,
): Promise<GrowingSource> {
  const { config } = options;
  const { data } = config;
  const [source, where] = growingConfig(data);
  if ("topic" in source && source.topic) {
    const { topic } = source;
    return new GrowingTopic(config, { ...source, topic }, await openKafka(topic), options);
  }
  return data.cursor === undefined
    ? new GrowingFiles(config, source, where, scratchDirectory())
    : new GrowingRows(config, source, where, data.cursor, scratchDirectory());
}
