import { lstatSync, mkdirSync, renameSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";

/**
 * A run directory: `config.json` (the resolved config), `metrics.jsonl`, `tensorboard/`, `checkpoints/`,
 * `quarantine.json` (rows read, kept and refused), `report.json`, and `baselines/` where any were trained.
 */
export const CONFIG_COPY = "config.json";
export const REPORT = "report.json";
export const QUARANTINE = "quarantine.json";

const RUNS = "runs";
/** A link to the newest run. */
export const LATEST = join(RUNS, "latest");

/** Makes `runs/<folder of the config>-<time>`, which nobody had before: two runs never share a directory. */
export function newRunDirectory(configPath: string, now = new Date()): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  const base = join(RUNS, `${basename(dirname(resolve(configPath)))}-${stamp}`);
  mkdirSync(RUNS, { recursive: true });
  for (let copy = 1; ; copy++) {
    const path = copy === 1 ? base : `${base}-${copy}`;
    if (makeNew(path)) return path;
  }
}

function makeNew(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Takes a run directory away that nothing was written to. */
export function removeIfEmpty(runDir: string): void {
  try {
    rmdirSync(runDir);
  } catch {}
}

/** Points `runs/latest` at a run of `runs/`; a convenience, so a file system without links is no error. */
export function linkLatest(runDir: string): void {
  if (dirname(resolve(runDir)) !== resolve(RUNS)) return;
  try {
    if (lstatSync(LATEST, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(LATEST);
    symlinkSync(process.platform === "win32" ? resolve(runDir) : relative(RUNS, runDir), LATEST, "junction");
  } catch {}
}

/** Writes a file that a reader finds whole or not at all. */
export function writeJson(runDir: string, name: string, value: unknown): void {
  mkdirSync(runDir, { recursive: true });
  const temporary = join(runDir, `.tmp-${name}-${process.pid}`);
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(temporary, join(runDir, name));
}
