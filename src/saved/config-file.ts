import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createJiti } from "jiti";
import { type Config, configWith, resolveConfig } from "../config/config.js";
import type { Setting } from "../config/settings.js";
import { ConfigError, PairloomError } from "../errors.js";
import { closeNames } from "../near-names.js";
import { shellWord } from "../shell-word.js";
import { publicModule } from "./public-module.js";

const CONFIG_NAMES = [
  "pairloom.config.ts",
  "pairloom.config.js",
  "pairloom.config.mjs",
  "pairloom.config.json",
];

/** A checked config file, with every default filled in. */
export interface LoadedConfig {
  readonly path: string;
  readonly config: Config;
  /** The config as written, with the settings of the command line. */
  readonly written: unknown;
}

/**
 * Loads a config file (`.ts`, `.js`, `.mjs`, `.json`), or the `pairloom.config.*` in a folder. In the file, `import …
 * from "pairloom"` resolves to this package, so configs also load in a clone and without installation.
 * @param settings values that replace those of the file
 * @throws ConfigError if the file is missing, does not load, or is not a valid config
 */
export async function loadConfig(
  pathOrFolder: string,
  settings: readonly Setting[] = [],
): Promise<LoadedConfig> {
  const path = findConfig(resolve(pathOrFolder));
  const written = configWith(await importDefault(path), settings);
  return { path, config: resolved(written, settings), written };
}

/** @throws ConfigError that names the `--set` which removed what is missing */
function resolved(written: unknown, settings: readonly Setting[]): Config {
  try {
    return resolveConfig(written);
  } catch (error) {
    const { where } = error instanceof ConfigError ? error.report : {};
    const removing = settings.find(({ path, value }) => value === null && path === where);
    if (!removing) throw error;
    const next = `--set ${shellWord(`${where}=null`)} removes the setting, and it has no default: leave that option out.`;
    throw new ConfigError({ ...(error as ConfigError).report, next }, { cause: error });
  }
}

function findConfig(path: string): string {
  if (!existsSync(path)) throw missing(path);
  if (!statSync(path).isDirectory()) return path;
  const name = CONFIG_NAMES.find((candidate) => existsSync(join(path, candidate)));
  if (name) return join(path, name);
  throw new ConfigError({
    what: "the folder has no config",
    where: path,
    got: readdirSync(path).slice(0, 5).join(", ") || "an empty folder",
    expected: `a file named ${CONFIG_NAMES[0]}`,
    next: "Name the config file itself, or write one: docs/config.md shows the smallest.",
  });
}

function missing(path: string): ConfigError {
  const folder = dirname(path);
  const near = existsSync(folder) ? closeNames(basename(path), readdirSync(folder)).slice(0, 5) : [];
  return new ConfigError({
    what: "the config file does not exist",
    where: path,
    got: existsSync(folder) ? "no such file" : `no folder ${folder}`,
    expected: near.length > 0 ? `perhaps ${near.join(", ")}` : `a config file, such as ${CONFIG_NAMES[0]}`,
    next: `Check the path; relative paths start at ${process.cwd()}.`,
  });
}

function noConfig(path: string): ConfigError {
  return new ConfigError({
    what: "the file is not a config, by its name",
    where: path,
    expected: "a file that ends in .ts, .js or .json",
    next: `Name the config, such as ${CONFIG_NAMES[0]}. For a table of data, \`npx pairloom init\` writes one.`,
  });
}

async function importDefault(path: string): Promise<unknown> {
  if (!/\.(json|[cm]?[jt]s)$/.test(path)) throw noConfig(path);
  if (path.endsWith(".json")) return loading(path, async () => JSON.parse(readFileSync(path, "utf8")));
  const pairloom = await publicModule();
  const options = { virtualModules: { pairloom }, moduleCache: false, interopDefault: false };
  const jiti = createJiti(pathToFileURL(path).href, options);
  const module = await loading(path, () => jiti.import<{ default?: unknown }>(path));
  if (module.default !== undefined) return module.default;
  throw new ConfigError({
    what: "the config file has no default export",
    where: path,
    got: `exports ${Object.keys(module).join(", ") || "nothing"}`,
    expected: "export default defineConfig({ … })",
    next: "Add the default export.",
  });
}

async function loading<T>(path: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const cause = error as Error;
    const where = `${path}${lineIn(path, cause)}`;
    if (cause instanceof PairloomError) throw new ConfigError({ ...cause.report, where }, { cause });
    const next = "Fix the error in the file.";
    throw new ConfigError(
      { what: "the config file does not load", where, got: cause.message, next },
      { cause },
    );
  }
}

/** `:12:5`, the line and column of the error in the file, if the stack contains them. */
function lineIn(path: string, { stack }: Error): string {
  const [, rest] = stack?.split(path) ?? [];
  return /^:\d+:\d+/.exec(rest ?? "")?.[0] ?? "";
}
