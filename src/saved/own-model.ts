import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Checkpoint } from "../checkpoint/index.js";
import { isModelKind } from "../models/index.js";
import { loadConfig } from "./config-file.js";
import { writeJson } from "./run-directory.js";

const CONFIG_FILE = "config-file.json";

/** Saves the path of a run's config file, because that file may register the run's model. */
export function recordConfigFile(runDir: string, path: string): Promise<void> {
  return writeJson(runDir, CONFIG_FILE, { path: resolve(path) });
}

/**
 * Imports the config file of a checkpoint's run if the model is unknown, because the file may register it. A missing
 * file is ignored: the error about the unknown model follows.
 */
export async function importOwnModel({ dir, manifest }: Checkpoint): Promise<void> {
  const kind = (manifest.config as { model?: { kind?: string } } | undefined)?.model?.kind;
  if (kind === undefined || isModelKind(kind)) return;
  const record = join(dir, "..", "..", CONFIG_FILE);
  if (!existsSync(record)) return;
  const { path } = JSON.parse(readFileSync(record, "utf8")) as { path: string };
  if (existsSync(path)) await loadConfig(path);
}
