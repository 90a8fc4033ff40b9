import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, it } from "vitest";
import { scratchDirectory } from "./owned-directory.js";

it("scratch directories of processes that have ended are deleted, and no others", () => {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const named = (name: string) => join(tmpdir(), name);
  const dead = named(`pairloom.${hostname()}.${pid}.${randomUUID()}`);
  const kept = [
    scratchDirectory(),
    named(`pairloom.other-host.${pid}.${randomUUID()}`),
    named(`other.${hostname()}.${pid}.${randomUUID()}`),
  ];
  for (const path of [dead, ...kept]) mkdirSync(path);
  expect(basename(scratchDirectory())).toMatch(/^pairloom\./);
  expect([dead, ...kept].map(existsSync)).toEqual([false, true, true, true]);
  for (const path of kept) rmSync(path, { recursive: true });
});
