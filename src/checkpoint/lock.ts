import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { CheckpointError, cleanedUp } from "../errors.js";
import { exists, namesIn, onDisk, readText, unlessAbsent } from "./disk.js";
import { makeDirectory, TEMPORARY_PREFIX, temporaryName } from "./durable.js";

const LOCK_FILE = "writer.lock";
/** How often the holder writes its lock again. */
const BEAT_MS = 20_000;
/** After this time without a beat, the holder on another machine is taken for dead. */
const SILENCE_MS = 180_000;
/** The content of a lock that was released and could not be removed. */
const RELEASED = "released";
/** The errors of file systems on which a file has one name only. */
const WITHOUT_LINKS = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];

const MOST_PID = 2 ** 31 - 1;

const holderSchema = z.strictObject({
  pid: z.number().int().positive().max(MOST_PID),
  host: z.string(),
  /** The namespace of process ids on this host (Linux): in another container the same id is another process. */
  namespace: z.string().optional(),
  /** When the process started, in the system's own count (Linux): another process with the same id has another. */
  started: z.string().optional(),
  /** Names this lock. */
  token: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

/**
 * The right to write to a run directory: `writer.lock`, which names process and host. The lock of a process that has
 * ended is taken over. Whether it has ended is known on the same machine; a process on another machine counts as ended
 * when it has not written its lock for three minutes, by the clock of the disk.
 */
export class RunLock {
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** The content of the file, which no other lock has. */
    readonly text: string,
  ) {
    // A beat that fails is no error: the next save finds out who holds the lock.
    this.timer = setInterval(() => void file.write(text, 0).catch(() => {}), BEAT_MS).unref();
  }

  /** @throws CheckpointError that names the holder, if another process holds the lock */
  static async acquire(runDir: string): Promise<RunLock> {
    const path = join(runDir, LOCK_FILE);
    await makeDirectory(runDir);
    const text = `${JSON.stringify(thisProcess())}\n`;
    for (;;) {
      const file = await createNew(path, text);
      if (file) {
        await removeLeftovers(runDir).catch(() => {}); // what stays is in nobody's way
        return new RunLock(path, file, text);
      }
      await unlessAbsent(removeStale(path));
    }
  }

  /** Works with the lock, then releases it. */
  static async holding<T>(runDir: string, work: (lock: RunLock) => Promise<T>): Promise<T> {
    const lock = await RunLock.acquire(runDir);
    return cleanedUp(
      () => work(lock),
      () => lock.release(),
    );
  }

  /** @throws CheckpointError if another process has taken the lock over, as after a long suspension of this one */
  async check(): Promise<void> {
    const text = await unlessAbsent(readText(this.path));
    if (text === this.text) return;
    throw new CheckpointError({
      what: "another process has taken over the run directory",
      where: this.path,
      got: text?.trim() || "no lock",
      expected: this.text.trim(),
      next: "Let one process write to the run: end the other one and resume, or use another run directory.",
    });
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    try {
      const held = (await unlessAbsent(readText(this.path))) === this.text;
      if (held) await onDisk("the lock cannot be removed", this.path, () => rm(this.path, { force: true }));
    } catch (error) {
      await this.file.write(RELEASED, 0).catch(() => {}); // what stays of it is in nobody's way
      throw error;
    } finally {
      await this.file.close();
    }
  }
}

/**
 * Whether the lock with this content is that of the run directory, as this machine sees it. Lists the directory, upon which a network
 * file system asks its server what is there.
 */
export async function seesLock(runDir: string, text: string): Promise<boolean> {
  const names = (await unlessAbsent(namesIn(runDir))) ?? [];
  return names.includes(LOCK_FILE) && (await unlessAbsent(readText(join(runDir, LOCK_FILE)))) === text;
}

/** Whether a process writes to the run directory. Takes no lock. */
export async function isLocked(runDir: string): Promise<boolean> {
  const path = join(runDir, LOCK_FILE);
  const text = await unlessAbsent(readText(path));
  return text !== undefined && !text.startsWith(RELEASED) && isHeld(path, parse(text));
}

/**
 * Removes what killed processes left in the run directory: unfinished JSON files, which only the holder of the lock writes, and
 * locks that were never taken. The folder of checkpoints has its own (prune.ts).
 */
async function removeLeftovers(runDir: string): Promise<void> {
  for (const name of await namesIn(runDir)) {
    const path = join(runDir, name);
    const isUntaken = [`${TEMPORARY_PREFIX}${LOCK_FILE}-`, `${LOCK_FILE}.`].some((start) =>
      name.startsWith(start),
    );
    const isLeft = isUntaken
      ? !(await isHeld(path, parse(await unlessAbsent(readText(path)))))
      : name.startsWith(TEMPORARY_PREFIX) && /\.jsonl?-[^.]+$/.test(name);
    if (isLeft) await rm(path, { force: true });
  }
}

/** The open file; undefined if there is one already. It gets its name once it is written, so that a lock is never empty. */
async function createNew(path: string, text: string): Promise<FileHandle | undefined> {
  const unnamed = join(dirname(path), temporaryName(LOCK_FILE));
  const file = await onDisk("the lock cannot be created", path, () => open(unnamed, "wx"));
  let named = false;
  try {
    await onDisk("the lock cannot be written", path, () => file.write(text, 0));
    named = await onDisk("the lock cannot be created", path, () => giveName(unnamed, path));
    return named ? file : undefined;
  } finally {
    if (!named) await file.close();
    await rm(unnamed, { force: true }).catch(() => {}); // a name that nobody reads
  }
}

/** False if there is a file of this name. */
async function giveName(path: string, name: string): Promise<boolean> {
  try {
    await link(path, name);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "EEXIST") return false;
    if (!WITHOUT_LINKS.includes(code)) throw error;
  }
  const reserved = await open(name, "wx").catch(unlessThere);
  await reserved?.close();
  if (reserved) await rename(path, name);
  return reserved !== undefined;
}

function unlessThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EEXIST") throw error;
}

/** Removes the lock of a process that has ended. @throws CheckpointError if its holder may still run */
async function removeStale(path: string): Promise<void> {
  const text = await unlessAbsent(readText(path));
  if (text === undefined && !(await exists(path))) return;
  const holder = parse(text);
  if (await isLocked(dirname(path))) throw held(path, holder);
  const aside = `${path}.${randomUUID()}`;
  await onDisk("the lock cannot be taken over", path, async () => {
    await rename(path, aside);
    // Another process may have replaced the stale lock in between: its lock goes back. If a third one is there by now,
    // the other process notices at its next save.
    if ((await unlessAbsent(readText(aside))) !== text) await link(aside, path).catch(() => {});
    await rm(aside, { force: true });
  });
}

/** The holder; undefined if the text does not name one. */
function parse(text = ""): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function isHeld(path: string, holder: Holder | undefined): Promise<boolean> {
  const here = thisProcess();
  if (holder?.host === here.host && holder.namespace === here.namespace) return isAlive(holder);
  return (await silence(path)) < SILENCE_MS;
}

function isAlive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0); // sends nothing
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now === undefined || now === started;
}

/** Milliseconds since the last beat. Both times are the disk's, because the clocks of two machines differ. */
async function silence(path: string): Promise<number> {
  const probe = `${path}.${randomUUID()}`;
  return onDisk("the lock cannot be read", path, async () => {
    await (await open(probe, "wx")).close();
    const now = (await stat(probe)).mtimeMs;
    await rm(probe);
    return Math.abs(now - (await stat(path)).mtimeMs); // a time ahead is no beat: the clock was set back
  });
}

function held(path: string, holder: Holder | undefined): CheckpointError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : "a process that has just started";
  return new CheckpointError({
    what: "another process writes to the run directory",
    where: path,
    got: who,
    expected: "one process per run directory",
    next: `Wait for it or end it, or use another run directory. If it no longer runs, delete ${path}.`,
  });
}

function thisProcess(): Holder {
  const { pid } = process;
  return { pid, host: hostname(), namespace: namespace(), started: startOf(pid), token: randomUUID() };
}

const namespace = () => orUndefined(() => readlinkSync("/proc/self/ns/pid"));

/** Field 22 of /proc/<pid>/stat; the name in field 2 may contain spaces. A zombie has ended. */
function startOf(pid: number): string | undefined {
  const stat = orUndefined(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = stat?.replace(/^.*\) /s, "").split(" ");
  return fields?.[0] === "Z" ? "ended" : fields?.[19];
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
