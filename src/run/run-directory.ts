import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import {
  type Checkpoint,
  checkpointsDir,
  findBest,
  findLatest,
  listCheckpoints,
  readCheckpoint,
  readPointer,
} from "../checkpoint/index.js";
import { nearNames } from "../data/near-names.js";
import { CheckpointError } from "../errors.js";

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

/** `runs/<folder of the config>-<time>`, which does not exist yet. */
export function newRunDirectory(configPath: string, now = new Date()): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  const base = join(RUNS, `${basename(dirname(resolve(configPath)))}-${stamp}`);
  for (let copy = 1; ; copy++) {
    const path = copy === 1 ? base : `${base}-${copy}`;
    if (!existsSync(path)) return path;
  }
}

/** Points `runs/latest` at a run of `runs/`; a convenience, so a file system without links is no error. */
export function linkLatest(runDir: string): void {
  if (dirname(resolve(runDir)) !== resolve(RUNS)) return;
  try {
    if (lstatSync(LATEST, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(LATEST);
    symlinkSync(process.platform === "win32" ? resolve(runDir) : relative(RUNS, runDir), LATEST, "junction");
  } catch {}
}

export function writeJson(runDir: string, name: string, value: unknown): void {
  mkdirSync(runDir, { recursive: true });
  writeFileSync(join(runDir, name), `${JSON.stringify(value, null, 2)}\n`);
}

/** Which checkpoint of a run: the best on the validation split, the latest, or that of a step. */
export type CheckpointChoice = "best" | "latest" | number;

/**
 * The checkpoint of a run directory, or the one that `path` itself is.
 * @param choice default: the best where a validation split has been measured, else the latest
 * @throws CheckpointError where there is none, or it does not verify
 */
export async function findCheckpoint(path: string, choice?: CheckpointChoice): Promise<Checkpoint> {
  if (existsSync(join(path, "manifest.json"))) return readCheckpoint(path);
  if (!existsSync(checkpointsDir(path))) throw notARun(path);
  const wanted = choice ?? ((await readPointer(path, "best")) ? "best" : "latest");
  if (wanted === "best") return findBest(path);
  if (wanted === "latest")
    return (await findLatest(path, { checksums: true })).checkpoint ?? noCheckpoint(path);
  const all = await listCheckpoints(path);
  const found = all.find(({ manifest }) => manifest.step === wanted);
  if (found) return found;
  throw new CheckpointError({
    what: "the run has no checkpoint of this step",
    where: checkpointsDir(path),
    got: String(wanted),
    expected: `best, latest, or one of ${all.map(({ manifest }) => manifest.step).join(", ") || "none: there are no checkpoints"}`,
    next: "Choose one of them; train.checkpoint.keep says how many a run keeps.",
  });
}

function noCheckpoint(path: string): never {
  throw new CheckpointError({
    what: "the run has no sound checkpoint",
    where: checkpointsDir(path),
    next: "Train it again, or look at what is in that folder.",
  });
}

function notARun(path: string): CheckpointError {
  const folder = dirname(resolve(path));
  const runs = existsSync(folder)
    ? readdirSync(folder).filter((name) => existsSync(checkpointsDir(join(folder, name))))
    : [];
  const near = nearNames(basename(path), runs).slice(0, 5);
  return new CheckpointError({
    what: existsSync(path) ? "this is no run directory" : "the run directory does not exist",
    where: path,
    got: existsSync(path) ? "a place without checkpoints/" : "nothing there",
    expected:
      near.length > 0
        ? `a run, such as ${near.map((name) => relative("", join(folder, name))).join(", ")}`
        : "a directory that `pairloom train` wrote",
    next: "Name a run directory or one of its checkpoints.",
  });
}
