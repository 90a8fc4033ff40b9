import type { Config } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { factsOf } from "../train/step/loss/index.js";
import type { RunEvent } from "./run-event.js";

/** @throws ConfigError, DataError like `prepareData` */
export function prepareFor(config: Config, listener: (event: RunEvent) => void): Promise<PreparedData> {
  const { data, features, train } = config;
  const { labels } = factsOf(train.loss).task;
  return prepareData({
    data,
    features,
    labels,
    onProgress: (progress) => listener({ kind: "preparing", progress }),
  });
}
