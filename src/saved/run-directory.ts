import { lstatSync, mkdirSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { makeDirectory, onDiskSync, readText, replaceFile, unlessAbsent } from "../checkpoint/index.js";
import { makeDirectories } from "../make-directories.js";
import { parseUntrusted } from "../untrusted.js";

/**
 * A run directory: `config.json` (the resolved config), `metrics.jsonl`, `tensorboard/`, `checkpoints/`,
 * `quarantine.json` (rows read, kept and refused), `report.json`, and `baselines/` if baselines were trained.
 */
export const CONFIG_COPY = "config.json";
export const REPORT = "report.json";
export const QUARANTINE = "quarantine.json";
/** What was written for other programs. */
export const EXPORTS = "exports";

const RUNS = "runs";
/** A link to the newest run. */
export const LATEST = join(RUNS, "latest");

/** Creates a new directory `runs/<folder of the config>-<time>`. Two runs never share a directory. */
export function newRunDirectory(configPath: string, now = new Date()): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  const base = join(RUNS, `${basename(dirname(resolve(configPath)))}-${stamp}`);
  onDiskSync("the directory cannot be created", RUNS, () => makeDirectories(RUNS));
  for (let copy = 1; ; copy++) {
    const path = copy === 1 ? base : `${base}-${copy}`;
    if (makeNew(path)) return path;
  }
}

function makeNew(path: string): boolean {
  try {
    onDiskSync("the run directory cannot be created", path, () => mkdirSync(path));
    return true;
  } catch (error) {
    if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === "EEXIST") return false;
    throw error;
  }
}

/** Deletes a run directory if it is empty. */
export function removeIfEmpty(runDir: string): void {
  try {
    rmdirSync(runDir);
  } catch {}
}

/** Points `runs/latest` to a run in `runs/`. */
export function linkLatest(runDir: string): void {
  if (dirname(resolve(runDir)) === resolve(RUNS)) makeLink(LATEST, runDir);
}

/** Makes or replaces a link to a directory. Ignores file systems without links. */
export function makeLink(link: string, target: string): void {
  try {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(link);
    const to = process.platform === "win32" ? resolve(target) : relative(dirname(link), target);
    symlinkSync(to, link, "junction");
  } catch {}
}

/** Writes a file atomically and syncs it: readers see the complete file or none, also after a power cut. */
export async function writeJson(runDir: string, name: string, value: unknown): Promise<void> {
  await makeDirectory(runDir);
  await replaceFile(join(runDir, name), `${JSON.stringify(value, null, 2)}\n`);
}

/** A JSON file of a run, which another version or a broken disk may have written; undefined if it is absent or no JSON. */
export async function readJson(runDir: string, name: string): Promise<unknown> {
  const text = await unlessAbsent(readText(join(runDir, name)));
  try {
    return text === undefined ? undefined : parseUntrusted(text);
  } catch {
    return undefined;
  }
}
