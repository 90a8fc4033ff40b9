import { runCli } from "../src/cli/main.js";

/** The command line from source, for tests that start it as a process. */
await runCli(process.argv.slice(2));
