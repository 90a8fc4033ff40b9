import { spawn } from "node:child_process";
import { testProgram } from "./job.js";

/** Starts a rank and passes on its three standard files only, as npx does. */
const [program, ...args] = [...testProgram("rank-entry.ts"), ...process.argv.slice(2)];
spawn(program, args, { stdio: "inherit" }).on("exit", (code) => process.exit(code ?? 1));
