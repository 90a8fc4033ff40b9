import { spawnSync } from "node:child_process";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { ExecutionError } from "../errors.js";
import { BUILD_COMMAND, CORE_FILE, PACKAGE_BUILD, USER_BUILD } from "./find-core.js";

/** In native/CMakeLists.txt. */
const TARGET = "pairloom";
const ON_WINDOWS = process.platform === "win32";
const TOOLS = `CMake 3.20 or newer, and ${ON_WINDOWS ? "Ninja and zig 0.16" : "g++ 12, clang 15 or newer"}`;

/** The commands that install the tools of a build, for the most common systems. */
const INSTALL =
  "Install them (Debian and Ubuntu: apt install cmake g++ make; Alpine: apk add cmake g++ make; " +
  "Fedora: dnf install cmake gcc-c++ make; macOS: xcode-select --install and brew install cmake; " +
  "Windows: winget install Kitware.CMake Ninja-build.Ninja zig.zig), " +
  `then run \`${BUILD_COMMAND}\`.`;

/**
 * CMake's arguments that compile with zig, which has the C and C++ libraries of every system.
 * @param system as CMake names it
 */
export function zigSettings(target: string, system: string): string[] {
  return [
    `-DCMAKE_SYSTEM_NAME=${system}`,
    `-DCMAKE_SYSTEM_PROCESSOR=${target.split("-")[0]}`,
    "-DCMAKE_CXX_COMPILER=zig;c++",
    `-DCMAKE_CXX_COMPILER_TARGET=${target}`,
    "-DCMAKE_SHARED_LINKER_FLAGS=-s", // without symbols for debuggers, which zig would add
  ];
}

/** MSVC has no types of vectors, and g++ for Windows does not align those on the stack. */
const WINDOWS_SETTINGS = zigSettings("x86_64-windows-gnu", "Windows");

export interface BuildOptions {
  /** Default: in the package, or in the user's folder if the package cannot be written. */
  readonly folder?: string;
  /** Further arguments of CMake's configuration. Default: those that this system needs. */
  readonly cmake?: readonly string[];
}

/**
 * Builds the native core from source and returns its path. Objects that are up to date are not compiled again.
 * @throws ExecutionError if CMake or a compiler is missing, or the core does not compile
 */
export function buildCore(options: BuildOptions = {}): string {
  const { folder = buildFolder(), cmake = ON_WINDOWS ? WINDOWS_SETTINGS : [] } = options;
  mkdirSync(folder, { recursive: true });
  const core = join(folder, CORE_FILE);
  const build = new Build(folder, cmake);
  try {
    build.run();
  } catch (error) {
    rmSync(core, { force: true }); // one of older sources must not be loaded
    throw error;
  }
  return core;
}

function buildFolder(): string {
  try {
    accessSync(dirname(PACKAGE_BUILD), constants.W_OK);
    return PACKAGE_BUILD;
  } catch {
    return USER_BUILD;
  }
}

class Build {
  private readonly log: string;

  constructor(
    private readonly folder: string,
    private readonly settings: readonly string[],
  ) {
    this.log = join(folder, "build.log");
  }

  run(): void {
    if (!available("cmake")) throw missing("CMake", "`cmake` is not on the PATH");
    rmSync(this.log, { force: true });
    // A cache of another place, compiler or generator can make configuring fail.
    if (!this.configure() && !(this.forget() && this.configure())) throw this.fault();
    if (!this.cmake("--build", this.folder, "--target", TARGET, "--parallel", `${availableParallelism()}`))
      throw this.fault();
  }

  private configure(): boolean {
    const generator = !existsSync(this.cache) && available("ninja") ? ["-G", "Ninja"] : [];
    const { include_dir } = createRequire(import.meta.url)("node-api-headers");
    const settings = ["-DCMAKE_BUILD_TYPE=Release", `-DNODE_API_HEADERS=${include_dir}`, ...this.settings];
    return this.cmake("-S", dirname(PACKAGE_BUILD), "-B", this.folder, ...settings, ...generator);
  }

  private cmake(...args: string[]): boolean {
    const output = openSync(this.log, "a");
    try {
      return spawnSync("cmake", args, { stdio: ["ignore", output, output] }).status === 0;
    } finally {
      closeSync(output);
    }
  }

  private get cache(): string {
    return join(this.folder, "CMakeCache.txt");
  }

  /** True if there was a cache to drop. */
  private forget(): boolean {
    const had = existsSync(this.cache);
    rmSync(this.cache, { force: true });
    rmSync(join(this.folder, "CMakeFiles"), { recursive: true, force: true });
    return had;
  }

  private fault(): ExecutionError {
    const text = readFileSync(this.log, "utf8");
    if (/CMAKE_CXX_COMPILER (not set|could be found)|No CMAKE_CXX_COMPILER/.test(text))
      return missing("a C++ compiler", "CMake finds none");
    if (/CMAKE_MAKE_PROGRAM is not set/.test(text)) return missing("make or ninja", "CMake finds neither");
    return new ExecutionError({
      what: "the native core does not compile",
      where: this.log,
      got: /^.*\b[Ee]rror\b.*$/m.exec(text)?.[0].trim(),
      expected: TOOLS,
      next: `Read the log, then run \`${BUILD_COMMAND}\` again.`,
    });
  }
}

function missing(what: string, got: string): ExecutionError {
  return new ExecutionError({
    what: `the native core cannot be built without ${what}`,
    got,
    expected: TOOLS,
    next: INSTALL,
  });
}

function available(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}
