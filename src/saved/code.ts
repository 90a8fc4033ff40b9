import { join, resolve } from "node:path";
import { z } from "zod";
import { type Checkpoint, readText, unlessAbsent } from "../checkpoint/index.js";
import { CheckpointError, ConfigError } from "../errors.js";
import { refuseChanged, sha256OfCode } from "../features/code-files.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { FeatureFunction } from "../features/kinds/define-kind.js";
import { derivedKind } from "../features/kinds/index.js";
import { isModelKind } from "../models/index.js";
import { nearNames } from "../near-names.js";
import { loadConfig } from "./config-file.js";
import { readJson, writeJson } from "./run-directory.js";

/** Loading a checkpoint runs no code that the checkpoint names, unless the caller names it, too, or allows all of it. */
export interface CodeOptions {
  /** The functions of `custom` features, by feature. */
  readonly functions?: Readonly<Record<string, FeatureFunction>>;
  /**
   * True: import the modules that the checkpoint names, those of `custom` features and the config file that registers its
   * model, if they have the hashes that were kept with it. They run with your permissions. Default false.
   */
  readonly importModules?: boolean;
}

const CONFIG_FILE = "config-file.json";
const configFileSchema = z.object({
  path: z.string().min(1),
  sha256: z.string().optional(),
  settings: z.array(z.string()).optional(),
});

/**
 * Saves the path and hash of a run's config file, because that file may register the run's model, and the values that replaced
 * those of the file.
 * @param settings the values of `--set`
 */
export function recordConfigFile(runDir: string, path: string, settings: readonly string[]): Promise<void> {
  const set = settings.length > 0 && { settings };
  return writeJson(runDir, CONFIG_FILE, { path: resolve(path), sha256: sha256OfCode(path, path), ...set });
}

/** The values of `--set` that a run was started with; none if it has no record of them. */
export async function recordedSettings(runDir: string): Promise<readonly string[]> {
  const found = configFileSchema.safeParse(await readJson(runDir, CONFIG_FILE));
  return found.data?.settings ?? [];
}

/** The fitted features with the code that they may run. @throws ConfigError for a function of no such feature */
export function withCode(
  features: FittedFeatures,
  { functions = {}, importModules = false }: CodeOptions,
): FittedFeatures {
  const code = { functions, importModules, modules: features.modules ?? {} };
  const taking = new Set<string>();
  const allowed = features.features.map((feature) => {
    const { derivation } = feature.reading;
    const allow = derivation && derivedKind(derivation.kind)?.allow;
    if (!allow) return feature;
    taking.add(feature.name);
    return { ...feature, reading: { ...feature.reading, derivation: allow(derivation, code) } };
  });
  refuseUnused(Object.keys(functions), [...taking]);
  return { ...features, features: allowed };
}

function refuseUnused(given: readonly string[], taking: readonly string[]): void {
  const unused = given.find((name) => !taking.includes(name));
  if (unused === undefined) return;
  throw new ConfigError({
    what: "no feature of the checkpoint takes this function",
    where: "load(): functions",
    got: unused,
    expected: nearNames(unused, taking).join(", ") || "no functions: the checkpoint has no custom feature",
    next: "Name functions by the custom features that they compute.",
  });
}

/**
 * Makes sure that the model's kind is known: imports the config file of the run if the caller allows it.
 * @throws CheckpointError if it is unknown, or the config file has changed
 */
export async function knowModel(
  { dir, manifest }: Checkpoint,
  { importModules }: CodeOptions,
): Promise<void> {
  const kind = (manifest.config as { model?: { kind?: unknown } } | undefined)?.model?.kind;
  if (typeof kind !== "string" || isModelKind(kind)) return;
  if (importModules) await importConfigFile(join(dir, "..", "..", CONFIG_FILE));
  if (isModelKind(kind)) return;
  throw new CheckpointError({
    what: "the checkpoint has a model that is not registered in this process",
    where: dir,
    got: JSON.stringify(kind),
    expected: "a model of Pairloom, or one registered with registerModel",
    next: "Import the file that registers it first (docs/new-model.md). If you trust the run, set importModules: true (--import-modules) instead, which imports its config file.",
  });
}

/** Does nothing if the run has no record of its config file. */
async function importConfigFile(record: string): Promise<void> {
  const text = await unlessAbsent(readText(record));
  if (text === undefined) return;
  const { path, sha256 } = parseRecord(text, record);
  refuseChanged(path, sha256, "the config file that registers the model");
  await loadConfig(path);
}

function parseRecord(text: string, where: string): z.output<typeof configFileSchema> {
  try {
    return configFileSchema.parse(JSON.parse(text));
  } catch (cause) {
    const next = "Import the file that registers the model yourself (docs/new-model.md).";
    throw new CheckpointError({ what: "the record of the config file is damaged", where, next }, { cause });
  }
}
