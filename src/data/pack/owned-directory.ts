import { randomUUID } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/**
 * Names of directories that belong to one call in one process while it works, and are left behind if the process is
 * killed. The host is part of the name, since a cache may be shared and process numbers mean nothing elsewhere.
 */
export function ownedName(): string {
  return `${hostname()}.${process.pid}.${randomUUID()}`;
}

const owned =
  /(?:^|\.)(?<host>[^/]+)\.(?<pid>\d+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.partial)?$/;

/** Removes the directories of a folder whose owners, processes of this host, are gone. */
export function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder))
    if (isAbandoned(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

function isAbandoned(name: string): boolean {
  const { host, pid } = owned.exec(name)?.groups ?? {};
  if (host === undefined || !(host === hostname() || host.endsWith(`.${hostname()}`))) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
