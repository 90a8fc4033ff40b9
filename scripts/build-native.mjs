// Builds the native core: native/build/pairloom.node. Never fails an installation: without the core, Pairloom runs on
// the reference backend.
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, "native", "build");
const log = join(build, "build.log");

mkdirSync(build, { recursive: true });
const output = openSync(log, "w");
const cmake = (...args) => spawnSync("cmake", args, { stdio: ["ignore", output, output] }).status === 0;

const generator = existsSync(join(build, "CMakeCache.txt")) ? [] : preferNinja();
const built =
  cmake("-S", join(root, "native"), "-B", build, "-DCMAKE_BUILD_TYPE=Release", ...generator) &&
  cmake("--build", build, "--target", "pairloom", "--parallel", String(availableParallelism()));
closeSync(output);

if (built) console.log(`Native core: ${relative(process.cwd(), join(build, "pairloom.node"))}`);
else if (available("cmake") && available(process.env.CXX ?? "c++"))
  console.warn(
    `The native core did not build: Pairloom will run on the slower reference backend. See ${log}`,
  );
else
  console.warn(
    "No C++20 compiler or CMake found: Pairloom will run on the slower reference backend. " +
      "Install g++ >= 12 and CMake >= 3.20, then: npm run build:native",
  );

function available(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

function preferNinja() {
  return available("ninja") ? ["-G", "Ninja"] : [];
}
