import { randomUUID } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A name for a directory that one call uses while it works, and that stays if the process is killed. The host is part of
 * the name, because several hosts may share a cache and a process id is valid on one host only.
 */
export function ownedName(): string {
  return `${hostname()}.${process.pid}.${randomUUID()}`;
}

const OWNED =
  /(?:^|\.)(?<host>[^/]+)\.(?<pid>\d+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.partial)?$/;

/** Deletes the directories in a folder whose owner, a process of this host, no longer exists. */
export function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder))
    if (isAbandoned(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

const SCRATCH = "pairloom.";

/** A path for a directory of temporary files outside a cache. Deletes those of killed processes. */
export function scratchDirectory(): string {
  for (const name of readdirSync(tmpdir()))
    if (name.startsWith(SCRATCH) && isAbandoned(name)) removeOwn(join(tmpdir(), name));
  return join(tmpdir(), `${SCRATCH}${ownedName()}`);
}

function removeOwn(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It belongs to another user.
  }
}

function isAbandoned(name: string): boolean {
  const { host, pid } = OWNED.exec(name)?.groups ?? {};
  if (host === undefined || !(host === hostname() || host.endsWith(`.${hostname()}`))) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
