#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

// A reader that has seen enough (`| head`) is no fault.
process.stdout.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(fileURLToPath(main))) {
  const { runCli } = await import(main.href).catch(tooManyFiles);
  await runCli(process.argv.slice(2));
} else {
  console.error("Pairloom is not built yet. In a clone, run: npm ci (or npm run build)");
  process.exitCode = 1;
}

/** Not in a module of its own: that could not be opened either. */
function tooManyFiles(error) {
  if (error.code !== "EMFILE" && error.code !== "ENFILE") throw error;
  console.error(`error: Pairloom cannot be loaded\n  got:      ${error.message}`);
  console.error("  next:     Raise the limit of open files (ulimit -n), then repeat the command.");
  process.exit(1);
}
