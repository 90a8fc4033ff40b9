import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { version } from "../version.js";
import { readCheckpoint } from "./checkpoint.js";
import { findBest, findLatest, listCheckpoints, readPointer, updatePointers } from "./discovery.js";
import { pruneCheckpoints } from "./prune.js";
import { contentOf } from "./testing.js";
import { writeCheckpoint } from "./write.js";

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "checkpoint-"));
});
afterEach(() => rm(run, { recursive: true }));

const write = (step: number, metrics = {}) => writeCheckpoint(run, contentOf(step, metrics));
const entries = async () => (await readdir(join(run, "checkpoints"))).sort();
const latestName = async (checksums = false) => (await findLatest(run, { checksums })).checkpoint?.name;

async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  await writeFile(path, bytes);
}

describe("writeCheckpoint", () => {
  it("keeps every value, and the same content gives the same bytes", async () => {
    const { dir, manifest } = await write(5, { auc: 0.75 });
    expect(manifest).toMatchObject({ step: 5, epoch: 0, epochStep: 5, seed: 7, metrics: { auc: 0.75 } });
    expect(manifest.reader).toEqual({ shard: 1, offset: [5, 6] });
    expect(manifest.config).toEqual({ model: { type: "fm", dims: [1, 2] } });

    const checkpoint = await readCheckpoint(dir);
    const model = await checkpoint.openModel();
    expect(await model.read("embedding.user")).toEqual(Float32Array.of(5, 6, 7, 8));
    await model.close();
    const optimizer = await checkpoint.openOptimizer();
    expect(await optimizer.read("embedding.user.accumulator")).toEqual(Float32Array.of(25, 0.5));
    await optimizer.close();

    const other = await mkdtemp(join(tmpdir(), "checkpoint-"));
    const twin = await writeCheckpoint(other, contentOf(5, { auc: 0.75 }));
    for (const file of await readdir(dir)) {
      expect(await readFile(join(twin.dir, file))).toEqual(await readFile(join(dir, file)));
    }
    await rm(other, { recursive: true });
  });

  it("says which version wrote it, and neither when nor where", async () => {
    const { dir } = await write(5);
    const text = await readFile(join(dir, "manifest.json"), "utf8");
    expect(JSON.parse(text).writer).toBe(version);
    expect(text).not.toContain(hostname());
    expect(Object.keys(JSON.parse(text)).sort()).toEqual(
      ["config", "epoch", "epochStep", "features", "files", "format", "metrics", "reader", "seed", "sha256"]
        .concat(["step", "tables", "trainer", "version", "writer"])
        .sort(),
    );
  });

  it("never replaces a sound checkpoint", async () => {
    await write(5);
    await expect(write(5)).rejects.toThrow(/not overwritten/);
    expect(await entries()).toEqual(["step-00000005"]);
  });

  it("sets a damaged checkpoint of the same step aside", async () => {
    const { dir } = await write(5);
    await flipByte(join(dir, "model.safetensors"), -1);
    await write(5);
    expect(await entries()).toEqual(["step-00000005", "step-00000005.damaged"]);
    expect(await latestName(true)).toBe("step-00000005");
  });

  it("leaves nothing behind when the content cannot be written", async () => {
    const content = contentOf(5);
    await expect(writeCheckpoint(run, { ...content, trainer: { best: Number.NaN } })).rejects.toThrow(
      /not JSON/,
    );
    content.model.set("bad", { dtype: "F32", shape: [3], data: new Float32Array(2) });
    await expect(writeCheckpoint(run, content)).rejects.toThrow(CheckpointError);
    expect(await entries()).toEqual([]);
  });
});

describe("discovery", () => {
  it("finds nothing in a run without checkpoints", async () => {
    expect(await findLatest(run)).toEqual({ rejected: [] });
    await expect(findBest(run)).rejects.toThrow(/no checkpoint/);
  });

  it("orders by step, also beyond eight digits", async () => {
    await write(999_999_999);
    await write(99_999_999);
    expect(await latestName()).toBe("step-999999999");
  });

  it.each<[string, (dir: string) => Promise<void>, RegExp]>([
    ["a missing manifest", (dir) => rm(join(dir, "manifest.json")), /no manifest/],
    ["a truncated manifest", (dir) => truncate(join(dir, "manifest.json"), 40), /not JSON/],
    ["a truncated model", (dir) => truncate(join(dir, "model.safetensors"), 100), /another size/],
    ["a missing optimizer file", (dir) => rm(join(dir, "optimizer.safetensors")), /missing/],
  ])("passes over a checkpoint with %s", async (_, damage, message) => {
    await write(1);
    await damage((await write(2)).dir);
    const { checkpoint, rejected } = await findLatest(run);
    expect(checkpoint?.name).toBe("step-00000001");
    expect(rejected).toHaveLength(1);
    expect(rejected[0].error.message).toMatch(message);
    expect(await listCheckpoints(run)).toHaveLength(1);
  });

  it("detects a flipped bit anywhere in the manifest's members", async () => {
    const { dir } = await write(2);
    const path = join(dir, "manifest.json");
    const text = await readFile(path, "utf8");
    for (const member of ['"step": 2', '"auc', '"offset"', '"bytes"', '"sha256": "']) {
      await writeFile(path, text);
      await flipByte(path, text.indexOf(member) + member.length - 1);
      await expect(readCheckpoint(dir)).rejects.toBeInstanceOf(CheckpointError);
    }
  });

  it("finds a flipped byte of a tensor with checksums, and always on load", async () => {
    await write(1);
    const { dir } = await write(2);
    await flipByte(join(dir, "model.safetensors"), -1);
    expect(await latestName(false)).toBe("step-00000002");
    expect(await latestName(true)).toBe("step-00000001");
    await expect((await readCheckpoint(dir)).openModel()).rejects.toThrow(/checksum/);
  });

  it("ignores what a crashed write left behind", async () => {
    await write(1);
    await mkdir(join(run, "checkpoints", ".tmp-step-00000002-abc"));
    await mkdir(join(run, "checkpoints", "step-00000003"));
    expect(await latestName()).toBe("step-00000001");
  });

  it("refuses a newer format, and names the release that wrote it", async () => {
    const { dir } = await write(1);
    const path = join(dir, "manifest.json");
    const newer = (await readFile(path, "utf8"))
      .replace('"version": 2', '"version": 3')
      .replace(/"writer": "[^"]+"/, '"writer": "7.8.9"');
    await writeFile(path, newer);
    await expect(readCheckpoint(dir)).rejects.toThrow(/version 3 \(written by Pairloom 7\.8\.9\)/);
  });
});

describe("pointers and pruning", () => {
  it("point to the newest and to the best measured, the older of two equal", async () => {
    for (const [step, auc] of [0.6, 0.8, 0.8, 0.7].entries()) await write(step + 1, { auc });
    await write(5);
    await updatePointers(run, "auc");
    expect(await readPointer(run, "latest")).toEqual({ checkpoint: "step-00000005", step: 5 });
    expect((await findBest(run)).name).toBe("step-00000002");
    await updatePointers(run, "logLoss");
    expect((await findBest(run)).name).toBe("step-00000002");
  });

  it("take the lowest of a metric that improves downwards", async () => {
    for (const [step, logLoss] of [0.5, 0.3, 0.4].entries()) await write(step + 1, { logLoss });
    await updatePointers(run, "logLoss");
    expect(await readPointer(run, "best")).toEqual({
      checkpoint: "step-00000002",
      step: 2,
      metric: "logLoss",
      value: 0.3,
    });
  });

  it("keep the newest and the best, and clear what crashes left behind", async () => {
    for (const [step, auc] of [0.9, 0.6, 0.7, 0.8].entries()) await write(step + 1, { auc });
    await mkdir(join(run, "checkpoints", ".tmp-step-00000009-abc"));
    await updatePointers(run, "auc");
    const removed = await pruneCheckpoints(run, { keep: 2 });
    expect(removed.map((dir) => dir.slice(-1))).toEqual(["2"]);
    expect(await entries()).toEqual([
      "best.json",
      "latest.json",
      "step-00000001",
      "step-00000003",
      "step-00000004",
    ]);
  });

  it("remove nothing when the newest does not verify", async () => {
    for (const step of [1, 2, 3]) await write(step);
    await flipByte(join(run, "checkpoints", "step-00000003", "optimizer.safetensors"), -1);
    await expect(pruneCheckpoints(run, { keep: 1 })).rejects.toThrow(/checksum/);
    expect(await entries()).toHaveLength(3);
  });
});
