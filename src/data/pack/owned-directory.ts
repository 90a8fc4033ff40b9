import { randomUUID } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
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
