import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Checkpoint } from "../checkpoint/index.js";
import { isModelKind } from "../models/index.js";
import { loadConfig } from "./config-file.js";
import { writeJson } from "./run-directory.js";

const CONFIG_FILE = "config-file.json";

/** Keeps where the config of a run is, since the file may register the model that the run is of. */
export function recordConfigFile(runDir: string, path: string): void {
  writeJson(runDir, CONFIG_FILE, { path: resolve(path) });
}

/**
 * Imports the config file of a checkpoint's run where it has a model that is not known yet, which registers it. A
 * file that is gone is left to the error that names the unknown model.
 */
export async function importOwnModel({ dir, manifest }: Checkpoint): Promise<void> {
  const kind = (manifest.config as { model?: { kind?: string } } | undefined)?.model?.kind;
  if (kind === undefined || isModelKind(kind)) return;
  const record = join(dir, "..", "..", CONFIG_FILE);
  if (!existsSync(record)) return;
  const { path } = JSON.parse(readFileSync(record, "utf8")) as { path: string };
  if (existsSync(path)) await loadConfig(path);
}
