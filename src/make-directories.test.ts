import { type mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { makeDirectories } from "./make-directories.js";

/** A disk that takes no directory, as Node reports it. */
const failure = (code: string, path: unknown) => Object.assign(new Error(`${code}: mkdir`), { code, path });
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const mkdir = ((path, options) => {
    if (`${path}`.includes("/", 1)) return fs.mkdirSync(path, options);
    throw failure(options === undefined ? `${path}`.slice(1) : "ENOENT", path);
  }) as typeof mkdirSync;
  return { ...fs, mkdirSync: mkdir };
});

it("says why a directory cannot be made", () => {
  for (const code of ["EROFS", "ENOSPC", "EIO", "ENOENT"])
    expect(() => makeDirectories(`/${code}`)).toThrow(`${code}: mkdir`);
});

it.skipIf(process.platform !== "linux")("ends where nothing can be made below a directory", () => {
  expect(() => makeDirectories("/proc/none/below")).toThrow("ENOENT");
});

it("makes what is missing, and returns the first of it", () => {
  const root = mkdtempSync(join(tmpdir(), "directories-"));
  expect(makeDirectories(join(root, "a/b"))).toBe(join(root, "a"));
  expect(makeDirectories(join(root, "a/b"))).toBeUndefined();
  writeFileSync(join(root, "file"), "");
  expect(() => makeDirectories(join(root, "file"))).toThrow("EEXIST");
  expect(() => makeDirectories(join(root, "file/below"))).toThrow(/ENOTDIR|EEXIST/);
  rmSync(root, { recursive: true });
});
