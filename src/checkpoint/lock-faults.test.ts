import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { PairloomError } from "../errors.js";
import { changes, Died, watchDisk } from "./faulty-disk.js";
import { RunLock } from "./lock.js";

vi.mock("node:fs/promises", async (original) => (await import("./faulty-disk.js")).faulty(await original()));

let parent: string;
let runs = 0;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "lock-faults-"));
});
afterEach(() => rmSync(parent, { recursive: true }));

const newRun = () => join(parent, `run-${runs++}`);
const lockOf = (run: string) => join(run, "writer.lock");
const hold = async (run: string) => (await RunLock.acquire(run)).release();

it("names its holder whenever it exists, also after a kill at any file operation", async () => {
  const { operations } = await watchDisk(() => hold(newRun()));
  const points = changes(operations);
  expect(points.length).toBeGreaterThan(4);
  for (const at of points) {
    const run = newRun();
    const { error } = await watchDisk(() => hold(run), { at });
    expect(error, operations[at]).toBeInstanceOf(Died);
    const text = existsSync(lockOf(run)) ? readFileSync(lockOf(run), "utf8") : undefined;
    if (text !== undefined) expect(JSON.parse(text), operations[at]).toMatchObject({ pid: process.pid });
  }
});

it.each(["EIO", "EACCES", "EPERM", "EMFILE"])(
  "is in nobody's way in this process after any operation failed with %s",
  async (code) => {
    const { operations } = await watchDisk(() => hold(newRun()));
    for (let at = 0; at < operations.length; at++) {
      const run = newRun();
      const { error } = await watchDisk(() => hold(run), { at, code });
      if (error) expect(error, operations[at]).toBeInstanceOf(PairloomError);
      const lock = await RunLock.acquire(run);
      await expect(RunLock.acquire(run)).rejects.toThrow(/another process writes to the run directory/);
      await lock.check();
      await lock.release();
      expect(existsSync(lockOf(run)), operations[at]).toBe(false);
    }
  },
);

it("is held on a file system where a file has one name only", async () => {
  const run = newRun();
  const at = (await watchDisk(() => hold(newRun()))).operations.findIndex((each) => each.startsWith("link"));
  let lock: RunLock | undefined;
  const acquire = async () => {
    lock = await RunLock.acquire(run);
  };
  expect((await watchDisk(acquire, { at, code: "EPERM" })).error).toBeUndefined();
  await lock!.check();
  await expect(RunLock.acquire(run)).rejects.toThrow(/another process writes/);
  await lock!.release();
});

it.each<[string, (path: string) => unknown]>([
  ["a pipe", (path) => execFileSync("mkfifo", [path])],
  ["a directory", (path) => mkdirSync(path)],
  ["a link to a device", (path) => symlinkSync("/dev/zero", path)],
])("is refused where its name is that of %s", async (_, make) => {
  const run = newRun();
  mkdirSync(run);
  make(lockOf(run));
  await expect(RunLock.acquire(run)).rejects.toThrow(/there is something else in place of a file/);
});

it("takes the place of a link to nothing", async () => {
  const run = newRun();
  await hold(run);
  symlinkSync(join(run, "gone"), lockOf(run));
  await hold(run);
  expect(existsSync(lockOf(run))).toBe(false);
});
