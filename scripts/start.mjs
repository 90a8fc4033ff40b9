// The main job of `npm start`: builds, trains the flights example, and scores a few flights with what it saved.
import { spawnSync } from "node:child_process";

/** Batches that the reference backend trains in about half a minute; the native core takes 300 times as many. */
const STEPS_WITHOUT_NATIVE = "30";
const CONFIG = "examples/flights/pairloom.config.ts";

run("npm", "run", "--silent", "build");
const { loadAddon } = await import("../dist/native/addon.js");
const short = loadAddon().addon ? [] : ["--steps", STEPS_WITHOUT_NATIVE];
if (short.length > 0)
  console.log(
    "Without the native core this is a short run, to see how things work: its model has learnt little.",
  );
run(process.execPath, "bin/pairloom.js", "train", CONFIG, "--baselines", ...short);
run(process.execPath, "--import", "jiti/register", "examples/flights/score.ts");

function run(program, ...args) {
  // Ctrl-C reaches the whole group: the program at work decides what it means, and this one waits for it.
  process.once("SIGINT", () => {});
  const { status } = spawnSync(program, args, { stdio: "inherit", shell: process.platform === "win32" });
  if (status !== 0) process.exit(status ?? 1);
}
