import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ExecutionError } from "../errors.js";
import { version } from "../version.js";
import { corePackage, thisPlatform } from "./platform.js";

/** The file name of the native core, in packages and builds. */
export const CORE_FILE = "pairloom.node";

export const BUILD_COMMAND = "npx pairloom build-native";

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** Folders of builds from source: of this package, and, if it cannot be written, of the user. */
export const PACKAGE_BUILD = join(root, "native", "build");
export const USER_BUILD = join(
  homedir(),
  ".cache/pairloom",
  `${version}-${process.platform}-${process.arch}`,
);

/**
 * Files that may be the native core of this machine, the one to use first: a build from source, which somebody asked for,
 * comes before the package.
 * @throws ExecutionError if the installed package is of another version
 */
export function corePaths(): string[] {
  const built = [PACKAGE_BUILD, USER_BUILD].map((folder) => join(folder, CORE_FILE));
  return [...built, packagedCore()].filter((path) => path !== undefined && existsSync(path)) as string[];
}

function packagedCore(): string | undefined {
  const platform = thisPlatform();
  if (platform === undefined) return undefined;
  const name = corePackage(platform);
  const manifest = resolved(`${name}/package.json`);
  if (manifest === undefined) return undefined;
  const found: string = require(manifest).version;
  if (found === version) return join(dirname(manifest), CORE_FILE);
  throw new ExecutionError({
    what: "the native core is of another version than Pairloom",
    where: dirname(manifest),
    got: `${name} ${found}`,
    expected: `${name} ${version}`,
    next: `Install ${name} ${version} from where Pairloom ${version} came, or remove the package and run \`${BUILD_COMMAND}\`.`,
  });
}

function resolved(id: string): string | undefined {
  try {
    return require.resolve(id);
  } catch {
    return undefined;
  }
}

/** Why there is no native core, for a machine on which no file was found. */
export function missingCore(): string {
  const platform = thisPlatform();
  if (platform) return `there is no native core: ${corePackage(platform)} is not installed`;
  return `there is no prebuilt native core for ${process.platform} ${process.arch}`;
}
