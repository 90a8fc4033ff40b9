import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findLatest, pruneCheckpoints, updatePointers, writeCheckpoint } from "../checkpoint/index.js";
import { contentOf } from "../checkpoint/testing.js";
import type { Config } from "../config/config.js";
import { CheckpointError } from "../errors.js";
import { findCheckpoint } from "./find-checkpoint.js";
import { checkRunDirectory } from "./resume.js";

type Make = (path: string) => unknown;

/** What may stand in place of a file or directory. Most of these never end, or never begin, when they are read. */
const STRANGE: Readonly<Record<string, Make>> = {
  "a link to nothing": (path) => symlinkSync(`${path}-gone`, path),
  "a link to itself": (path) => symlinkSync(path, path),
  "a link to a device without end": (path) => symlinkSync("/dev/zero", path),
  "a pipe": (path) => execFileSync("mkfifo", [path]),
  "a socket": (path) => once(createServer().listen(path).unref(), "listening"),
  "an empty directory": (path) => mkdirSync(path),
  "a text of very deep JSON": (path) =>
    writeFileSync(path, `{"metrics":${"[".repeat(1e5)}${"]".repeat(1e5)}}`),
  "an empty file": (path) => writeFileSync(path, ""),
  "a file longer than any text": (path) => {
    writeFileSync(path, "");
    truncateSync(path, 2 ** 33);
  },
};

let run: string;
beforeEach(async () => {
  run = mkdtempSync(join(tmpdir(), "strange-"));
  await writeCheckpoint(run, contentAt(1, 0.9));
  await writeCheckpoint(run, contentAt(2, 0.8));
  await updatePointers(run, "auc");
});
afterEach(() => rmSync(run, { recursive: true }));

const config = { train: { metric: "auc" } };
const contentAt = (step: number, auc: number) => ({ ...contentOf(step, { auc }), config });
const inCheckpoints = (...names: string[]) => join(run, "checkpoints", ...names);
const find = async (choice?: "best" | "latest") =>
  (await findCheckpoint(run, choice, () => {})).manifest.step;

async function put(make: Make, path: string): Promise<void> {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  await make(path);
}

/** The sound checkpoints are found, and the run goes on at step 3. */
async function expectPassedOver(): Promise<void> {
  expect([await find(), await find("best"), await find("latest")]).toEqual([1, 1, 2]);
  const { checkpoint, rejected } = await findLatest(run, { checksums: true });
  expect([checkpoint?.manifest.step, rejected.length]).toEqual([2, 1]);
  const newest = await writeCheckpoint(run, contentAt(3, 0.7));
  await updatePointers(run, "auc", newest);
  await pruneCheckpoints(run, { keep: 1, newest });
  expect([await find(), await find("latest")]).toEqual([1, 3]);
}

describe.each(Object.entries(STRANGE))("%s", (_, make) => {
  it.each(["", "manifest.json"])("is passed over as step-00000003/%s", async (name) => {
    await put(make, inCheckpoints("step-00000003", name));
    await expectPassedOver();
  });

  it.each(["model.safetensors", "optimizer.safetensors"])("is damage as %s", async (name) => {
    await put(make, inCheckpoints("step-00000002", name));
    const { checkpoint, rejected } = await findLatest(run, { checksums: true });
    expect([checkpoint?.manifest.step, rejected.length]).toEqual([1, 1]);
    expect(await find("latest")).toBe(name === "model.safetensors" ? 1 : 2);
    await writeCheckpoint(run, contentAt(2, 0.8));
    expect((await findLatest(run, { checksums: true })).checkpoint?.manifest.step).toBe(2);
  });

  it.each(["best.json", "latest.json"])("is no pointer as %s", async (name) => {
    await put(make, inCheckpoints(name));
    expect([await find(), await find("best"), await find("latest")]).toEqual([1, 1, 2]);
  });

  it("is no config of a run", async () => {
    await put(make, join(run, "config.json"));
    await checkRunDirectory(run, config as unknown as Config, "resume");
  });

  it("is refused as the path that is loaded, and in place of checkpoints/", async () => {
    await put(make, join(run, "other"));
    await expect(findCheckpoint(join(run, "other"))).rejects.toThrow(CheckpointError);
    await put(make, join(run, "another", "checkpoints"));
    await expect(findCheckpoint(join(run, "another"))).rejects.toThrow(CheckpointError);
    await put(make, join(run, "third", "manifest.json"));
    await expect(findCheckpoint(join(run, "third"))).rejects.toThrow(CheckpointError);
  });
});
