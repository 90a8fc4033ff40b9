// Builds the native core: native/build/pairloom.node. Never fails an installation: without the core, Pairloom runs on
// the reference backend.
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, "native", "build");
const log = join(build, "build.log");

mkdirSync(build, { recursive: true });
const output = openSync(log, "w");
const cmake = (...args) => spawnSync("cmake", args, { stdio: ["ignore", output, output] }).status === 0;

const addon = join(build, "pairloom.node");
const cache = join(build, "CMakeCache.txt");
const built = available("cmake") && (configure() || (forget() && configure())) && compile();
closeSync(output);

if (built) console.log(`Native core: ${relative(process.cwd(), addon)}`);
else {
  rmSync(addon, { force: true }); // one of older sources must not be loaded
  console.warn(
    available("cmake") && available(process.env.CXX ?? "c++")
      ? `The native core did not build: Pairloom will run on the slower reference backend. See ${log}`
      : "No C++20 compiler or CMake found: Pairloom will run on the slower reference backend. " +
          "Install g++ >= 12 and CMake >= 3.20, then: npm run build:native",
  );
}

function configure() {
  const generator = !existsSync(cache) && available("ninja") ? ["-G", "Ninja"] : [];
  return cmake("-S", join(root, "native"), "-B", build, "-DCMAKE_BUILD_TYPE=Release", ...generator);
}

function compile() {
  return cmake("--build", build, "--target", "pairloom", "--parallel", String(availableParallelism()));
}

/** A cache of another place, compiler or generator can make configuring fail: true if there was one to drop. */
function forget() {
  const had = existsSync(cache);
  rmSync(cache, { force: true });
  rmSync(join(build, "CMakeFiles"), { recursive: true, force: true });
  return had;
}

function available(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}
