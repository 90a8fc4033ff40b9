import type { FileHandle } from "node:fs/promises";

/**
 * A disk for tests: it counts file operations, and the chosen one fails with an error of the system, or the process
 * "dies" there: neither this operation nor any later one has an effect. Use:
 * `vi.mock("node:fs/promises", async (original) => (await import("./faulty-disk.js")).faulty(await original()))`.
 */

type Fs = typeof import("node:fs/promises");
type Operation = (...args: never[]) => Promise<unknown>;

/** The process has died. */
export class Died extends Error {}

let done: string[] = [];
let fault: Fault | undefined;
let dead = false;
let watched = "";

/** Where the fault is; with the code of an error of the system, or without one for a death. */
interface Fault {
  readonly at: number;
  readonly code?: string;
}

/**
 * Runs `work`; returns its operations, such as `rename run/checkpoints/.tmp-…`, and its error.
 * @param under only operations on paths that contain this count
 */
export async function watchDisk(
  work: () => Promise<unknown>,
  failing?: Fault,
  under = "",
): Promise<{ readonly operations: readonly string[]; readonly error?: unknown }> {
  [done, fault, dead, watched] = [[], failing, false, under];
  let error: unknown;
  try {
    await work();
  } catch (thrown) {
    error = thrown;
  }
  const operations = done;
  [done, fault, dead] = [[], undefined, false];
  return { operations, error };
}

/** The positions of operations that change the disk: being killed at another one is being killed at the next of these. */
export const changes = (operations: readonly string[]): number[] =>
  [...operations.keys()].filter((i) => /^(link|mkdir|open|rename|rm|write)/.test(operations[i]));

/** The functions of `node:fs/promises` on this disk. */
export function faulty(fs: Fs): Fs {
  const counted = ["link", "lstat", "mkdir", "readdir", "rename", "rm", "stat"] as const;
  const functions = counted.map((name) => [name, failing(name, fs[name] as Operation)]);
  const open = failing("open", fs.open as Operation) as unknown as Fs["open"];
  const opened: Fs["open"] = async (...args) => faultyFile(await open(...args), String(args[0]));
  return { ...fs, ...Object.fromEntries(functions), open: opened };
}

function faultyFile(file: FileHandle, path: string): FileHandle {
  for (const name of ["read", "readFile", "write", "writeFile", "stat"] as const) {
    const operation = (file[name] as Operation).bind(file);
    Object.assign(file, { [name]: failing(name, operation, path) });
  }
  Object.assign(file, { sync: failing("sync", async () => {}, path) }); // a killed process needs no sync, and it is slow
  return file;
}

type SyncFs = typeof import("node:fs");
type SyncOperation = (...args: never[]) => unknown;

/** The functions of `node:fs` on this disk that a run uses. */
export function faultySync(fs: SyncFs): SyncFs {
  const paths = new Map<unknown, string>();
  const counted = ["mkdirSync", "readFileSync", "renameSync", "rmSync", "writeSync", "fsyncSync"] as const;
  const functions = counted.map((name) => {
    const operation = (...args: never[]) => {
      fail(name, paths.get(args[0]) ?? String(args[0]));
      return (fs[name] as SyncOperation)(...args);
    };
    return [name, operation];
  });
  const openSync = (...args: Parameters<SyncFs["openSync"]>) => {
    fail("openSync", String(args[0]));
    const file = fs.openSync(...args);
    paths.set(file, String(args[0]));
    return file;
  };
  return { ...fs, ...Object.fromEntries(functions), openSync };
}

function failing(name: string, operation: Operation, path?: string): Operation {
  return async (...args) => {
    fail(name, path ?? String(args[0]));
    return operation(...args);
  };
}

/** Counts an operation; fails it if it is the chosen one. */
function fail(name: string, path: string): void {
  if (dead) throw new Died();
  if (!path.includes(watched)) return;
  const at = done.push(`${name} ${path}`) - 1;
  if (at !== fault?.at) return;
  if (fault.code !== undefined)
    throw Object.assign(new Error(`${fault.code}: ${name} failed`), { code: fault.code });
  dead = true;
  throw new Died();
}
