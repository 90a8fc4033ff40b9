import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { RunLock } from "./lock.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const module = JSON.stringify(fileURLToPath(new URL("./lock.ts", import.meta.url)));

let run: string;
let path: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "lock-"));
  path = join(run, "writer.lock");
});
afterEach(() => rmSync(run, { recursive: true }));

/** The lock that a process of another kind would have written. */
async function foreign(changes: object): Promise<void> {
  rmSync(path, { force: true });
  const own = await RunLock.acquire(run);
  const holder = JSON.parse(readFileSync(path, "utf8"));
  await own.release();
  writeFileSync(path, JSON.stringify({ ...holder, token: "other", ...changes }));
}

async function startHolder() {
  const code = `import { RunLock } from ${module}; await RunLock.acquire(${JSON.stringify(run)}); console.log("held"); setInterval(() => {}, 1e9);`;
  const script = join(run, "holder.mts");
  writeFileSync(script, code);
  const child = spawn(process.execPath, ["--import", "tsx", script], { cwd: root });
  await once(child.stdout, "data");
  return child;
}

it("is held by one, and names its process and host", async () => {
  const lock = await RunLock.acquire(run);
  const message = `writer.lock: another process writes to the run directory\n  got:      process ${process.pid} on ${hostname()}`;
  await expect(RunLock.acquire(run)).rejects.toThrow(message);
  await lock.check();
  await lock.release();
  expect(readdirSync(run)).toEqual([]);
  await (await RunLock.acquire(run)).release();
});

it("of another process is respected while it lives, and taken over when it was killed", async () => {
  const child = await startHolder();
  await expect(RunLock.acquire(run)).rejects.toThrow(`process ${child.pid} on ${hostname()}`);
  child.kill("SIGKILL");
  await once(child, "close");
  const lock = await RunLock.acquire(run);
  await lock.check();
  await lock.release();
  expect(existsSync(path)).toBe(false);
});

it("that is taken removes what killed processes left in the run directory, and nothing else", async () => {
  await foreign({ started: "1" });
  const left = [".tmp-config.json-a1", ".tmp-stretches.jsonl-a1", ".tmp-writer.lock-a1", "writer.lock.a1"];
  for (const name of left) copyFileSync(path, join(run, name));
  await foreign({});
  const kept = [".tmp-report.html-a1", ".tmp-writer.lock-b2", "config.json"];
  for (const name of kept) copyFileSync(path, join(run, name));
  rmSync(path);
  await (await RunLock.acquire(run)).release();
  expect(readdirSync(run).sort()).toEqual(kept.sort());
});

it("of a process whose id another one has now is taken over", async () => {
  await foreign({ started: "1" });
  await (await RunLock.acquire(run)).release();
  await foreign({ pid: spawnSync("true").pid });
  await (await RunLock.acquire(run)).release();
});

it.each([
  ["on another host", { host: "elsewhere" }],
  ["in another container", { namespace: "pid:[1]" }],
])("of a process %s counts while it is written again and again", async (_, changes) => {
  await foreign(changes);
  await expect(RunLock.acquire(run)).rejects.toThrow(/another process writes to the run directory/);
  for (const seconds of [-200, 86_400]) {
    await foreign(changes);
    const otherTime = new Date(Date.now() + seconds * 1000);
    utimesSync(path, otherTime, otherTime);
    const lock = await RunLock.acquire(run);
    await lock.check();
    await lock.release();
  }
  expect(readdirSync(run)).toEqual([]);
});

it("that was taken over is noticed, and not removed", async () => {
  const lock = await RunLock.acquire(run);
  writeFileSync(path, "another\n");
  await expect(lock.check()).rejects.toThrow(/another process has taken over the run directory/);
  await lock.release();
  expect(readFileSync(path, "utf8")).toBe("another\n");
});

it("goes to one of many that want a stale one at the same time", async () => {
  await foreign({ started: "1" });
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => RunLock.acquire(run)));
  const locks = tries.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const sound = await Promise.allSettled(locks.map((lock) => lock.check()));
  expect(sound.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const lock of locks) await lock.release();
  expect(readdirSync(run)).toEqual([]);
});

it("keeps the error of the work that it was for, also where the lock cannot be removed", async () => {
  const blocked = () => {
    rmSync(path);
    mkdirSync(path); // what a file operation refuses
  };
  const work = async () => {
    blocked();
    throw new Error("of the work");
  };
  await expect(RunLock.holding(run, work)).rejects.toThrow("of the work");
  rmSync(path, { recursive: true });
  await expect(RunLock.holding(run, async () => blocked())).rejects.toThrow(/writer\.lock/);
  rmSync(path, { recursive: true });
  expect(await RunLock.holding(run, async (lock) => lock.check().then(() => 7))).toBe(7);
  expect(existsSync(path)).toBe(false);
});
