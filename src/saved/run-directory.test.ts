import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { updatePointers, writeCheckpoint } from "../checkpoint/index.js";
import { contentOf } from "../checkpoint/testing.js";
import type { Config } from "../config/config.js";
import { findCheckpoint } from "./find-checkpoint.js";
import { checkRunDirectory, refuseFile } from "./resume.js";
import { newRunDirectory, writeJson } from "./run-directory.js";

const before = process.cwd();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-run-"));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

describe("a new run directory", () => {
  it("is nobody else's, though made in the same second", () => {
    const now = new Date("2026-01-02T03:04:05.678Z");
    const made = [1, 2, 3].map(() => newRunDirectory("shop/pairloom.config.ts", now));
    const base = join("runs", "shop-20260102-030405");
    expect(made).toEqual([base, `${base}-2`, `${base}-3`]);
    expect(readdirSync("runs")).toHaveLength(3);
  });

  it("is not a file", () => {
    writeFileSync("run", "");
    expect(() => refuseFile("run")).toThrow(/run: the run directory is a file/);
  });
});

describe("the config of a run", () => {
  const config = { train: { metric: "auc", epochs: 1 } } as unknown as Config;
  const other = { train: { metric: "logLoss", epochs: 1 } } as unknown as Config;

  it("is written whole", async () => {
    await writeJson("run", "config.json", config);
    expect(readdirSync("run")).toEqual(["config.json"]);
    expect(JSON.parse(readFileSync("run/config.json", "utf8"))).toEqual(config);
    await checkRunDirectory("run", config, "resume");
    await expect(checkRunDirectory("run", other, "resume")).rejects.toThrow(
      /train\.metric: the config differs/,
    );
  });

  it.each([
    ["missing", () => unlinkSync("run/config.json")],
    ["damaged", () => truncateSync("run/config.json", 4)],
  ])("is that of the newest checkpoint where config.json is %s", async (_, damage) => {
    await writeJson("run", "config.json", config);
    damage();
    await expect(checkRunDirectory("run", config, "resume")).rejects.toThrow(/there is no run to resume/);
    await writeCheckpoint("run", { ...contentOf(1), config });
    await checkRunDirectory("run", config, "resume");
    await expect(checkRunDirectory("run", other, "resume")).rejects.toThrow(
      /train\.metric: the config differs/,
    );
  });
});

describe("the checkpoint to score with", () => {
  const aucs = [0.6, 0.8, 0.9, 0.7];
  let warnings: string[];
  const find = async (choice?: "best" | "latest" | number) => {
    warnings = [];
    return (await findCheckpoint("run", choice, (message) => warnings.push(message))).manifest.step;
  };
  const file = (step: number, name: string) => join("run/checkpoints", `step-0000000${step}`, name);
  const flip = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
  };

  beforeEach(async () => {
    const tensor = { dtype: "F32", shape: [1], data: Float32Array.of(1) } as const;
    for (const [i, auc] of aucs.entries())
      await writeCheckpoint("run", {
        ...{ step: i + 1, epoch: 0, epochStep: i + 1, seed: 1, reader: {}, trainer: {}, metrics: { auc } },
        ...{ config: { train: { metric: "auc" } }, features: {} },
        model: new Map([["w", tensor]]),
        optimizer: new Map([["w/m", tensor]]),
      });
    await updatePointers("run", "auc");
  });

  it("is the best, the latest or that of a step", async () => {
    expect([await find(), await find("best"), await find("latest"), await find(2)]).toEqual([3, 3, 4, 2]);
    expect(warnings).toEqual([]);
    await expect(find(9)).rejects.toThrow(/expected: best, latest, or one of 1, 2, 3, 4/);
  });

  it("is the best of those that are sound where the best is not, with a warning", async () => {
    flip(file(3, "model.safetensors"));
    expect(await find()).toBe(2);
    expect(warnings.join()).toMatch(/the checksum does not match[\s\S]*Taking step-00000002 instead/);
    rmSync(file(2, ""), { recursive: true });
    expect(await find("best")).toBe(4);
    flip(file(4, "model.safetensors"));
    expect(await find("latest")).toBe(1);
    flip(file(1, "model.safetensors"));
    await expect(find()).rejects.toThrow(/the run has no sound checkpoint/);
  });

  it("is found though best.json is damaged or points to nothing", async () => {
    writeFileSync("run/checkpoints/best.json", "{");
    expect(await find()).toBe(3);
    writeFileSync("run/checkpoints/best.json", '{"checkpoint":"step-00000099","step":99}\n');
    expect(await find()).toBe(3);
    expect(warnings).toEqual([]);
  });

  it("is none in a run that saved nothing yet, and elsewhere, where runs are named", async () => {
    await writeJson("young", "config.json", {});
    await expect(findCheckpoint("young")).rejects.toThrow(/the run has no checkpoint, so there is no model/);
    mkdirSync("other");
    await expect(findCheckpoint("other")).rejects.toThrow(/this is not a run directory/);
    await expect(findCheckpoint("rum")).rejects.toThrow(
      /the run directory does not exist[\s\S]*such as run$/m,
    );
    await expect(findCheckpoint(".")).rejects.toThrow(/this is not a run directory[\s\S]*such as run$/m);
  });

  it("needs no state of the optimizer", async () => {
    unlinkSync(file(3, "optimizer.safetensors"));
    expect(await find("best")).toBe(3);
    expect(warnings).toEqual([]);
    mkdirSync("empty/checkpoints", { recursive: true });
    await expect(findCheckpoint("empty", "best")).rejects.toThrow(
      /no checkpoint of this run has been measured/,
    );
  });
});
