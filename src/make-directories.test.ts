import type { mkdirSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { makeDirectories } from "./make-directories.js";

/** A disk that takes no directory, as Node reports it. */
const failure = (code: string, path: unknown) => Object.assign(new Error(`${code}: mkdir`), { code, path });
vi.mock("node:fs", async (original) => ({
  ...(await original<typeof import("node:fs")>()),
  mkdirSync: ((path, options) => {
    throw failure(options === undefined ? `${path}`.slice(1) : "ENOENT", path);
  }) as typeof mkdirSync,
}));

it("says why a directory cannot be made", () => {
  for (const code of ["EROFS", "ENOSPC", "EIO", "ENOENT"])
    expect(() => makeDirectories(`/${code}`)).toThrow(`${code}: mkdir`);
});
