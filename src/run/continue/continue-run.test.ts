import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { listCheckpoints } from "../../checkpoint/index.js";
import { numbersOf } from "../../checkpoint/testing.js";
import { type Config, resolveConfig } from "../../config/config.js";
import type { RunEvent } from "../run-event.js";
import { trainRun } from "../train-run.js";
import { continueRun } from "./continue-run.js";
import { inTemporaryFolder, runIn } from "./testing.js";

/** A run that goes on, killed at any of its events, ends with the bytes of one that was never stopped. */

inTemporaryFolder();

class Killed extends Error {}

/** With a dynamic table that evicts. */
const isDynamic = (name: string) => name.startsWith("evicts");
const DYNAMIC = {
  kind: "id",
  name: "item",
  embedding: "shop/sum/item",
  dynamic: { capacity: 28, evict: "lru" },
} as const;
const FIXED = { kind: "id", name: "item", embedding: "shop/sum/item", vocabulary: { grow: true } } as const;

function config(name: string): Config {
  return resolveConfig({
    data: {
      train: { path: `${name}/*.csv` },
      valid: { path: "valid.csv" },
      label: "clicked",
      cacheDir: `${name}/cache`,
    },
    features: [
      { kind: "id", name: "user", hash: 50 },
      isDynamic(name) ? DYNAMIC : FIXED,
      { kind: "number", name: "price", normalize: "zscore" },
    ],
    model: {
      kind: "dlrm",
      embeddingDim: 4,
      dense: { features: ["price"], mlp: { hiddenUnits: [4] } },
      sparse: { features: ["user", "item"] },
      final: { hiddenUnits: [8] },
    },
    train: {
      batchSize: 64,
      epochs: 2,
      checkpoint: { every: 2, keep: 100, full: { every: 3 } },
      average: isDynamic(name) ? undefined : {},
      ...(isDynamic(name) && {
        publish: { every: 2, to: `${name}/versions`, keep: 100, full: { every: 3 } },
      }),
      optimizer: { dense: { kind: "adam" }, embedding: { kind: "adam" } },
    },
  });
}

/** Rows of a day, with items that no day before has. */
function day(number: number, count: number): string {
  const rows = Array.from({ length: count }, (_, i) => {
    const item = (i * 7 + number * 3) % (8 + 4 * number);
    return `u${i % 13},i${item + 5 * number},${(i % 11) / 3},${(i * item + (i % 3)) % 2}`;
  });
  return `user,item,price,clicked\n${rows.join("\n")}\n`;
}

const run = (name: string, listener?: (event: RunEvent) => void) => runIn(name, config(name), listener);

async function firstTraining(name: string): Promise<void> {
  mkdirSync(name);
  writeFileSync("valid.csv", day(0, 100));
  writeFileSync(`${name}/1.csv`, day(0, 128));
  await trainRun({ ...run(name), resume: false, baselines: false });
}

/** Goes on until there are no new rows, through any number of kills; returns how often it was killed. */
async function goOn(name: string, killAt: (event: RunEvent, index: number) => boolean): Promise<number> {
  let index = 0;
  for (let kills = 0; ; kills++) {
    try {
      await continueRun(
        run(name, (event) => {
          if (killAt(event, index++)) throw new Killed();
        }),
      );
      return kills;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

/** Two days, one call of `--continue` after each. */
async function twoDays(name: string, killAt: (event: RunEvent, index: number) => boolean): Promise<number> {
  await firstTraining(name);
  writeFileSync(`${name}/2.csv`, day(1, 190));
  let kills = await goOn(name, killAt);
  writeFileSync(`${name}/3.csv`, day(2, 100));
  writeFileSync(`${name}/4.csv`, day(3, 60));
  kills += await goOn(name, killAt);
  return kills;
}

/** Every file that must have the same bytes, and the logs without times and the name of the folder. */
function bytesOf(name: string): Record<string, string> {
  const root = `${name}/run/checkpoints`;
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(join(root, path)).isFile(),
  );
  const text = (path: string) => readFileSync(path, "latin1").replaceAll(name, "RUN");
  const logs = ["metrics.jsonl", "stretches.jsonl"].map((log) => [
    log,
    text(`${name}/run/${log}`).replaceAll(/"(time|modified|packed)":("[^"]*"|[\d.]+)/g, ""),
  ]);
  const saved = files.map((path) => [
    path,
    path.endsWith(".json")
      ? text(join(root, path)).replaceAll(/"(modified|sha256)": ("[^"]*"|[\d.]+)/g, "")
      : text(join(root, path)),
  ]);
  return Object.fromEntries([...saved, ...logs]);
}

/** The numbers of each published version. Which of them are complete depends on the kills. */
async function versionsOf(name: string): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const each of await listCheckpoints(`${name}/versions`)) {
    const numbers = [...(await numbersOf(each))].filter(([part]) => !part.endsWith("/keys"));
    versions[each.name] = hashOf(numbers.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return versions;
}

const hashOf = (numbers: unknown) =>
  createHash("sha256")
    .update(JSON.stringify(numbers, (_, value) => (typeof value === "bigint" ? `${value}` : value)))
    .digest("hex");

it.each([
  ["a vocabulary that grows", ["plain", "killed"]],
  ["a dynamic table that evicts", ["evicts", "evicts-killed"]],
])("is killed at every event in turn, with %s", async (_, [plain, killed]) => {
  const events: string[] = [];
  await twoDays(plain, (event) => {
    events.push(event.kind);
    return false;
  });
  const expected = bytesOf(plain);
  expect(Object.keys(expected).filter((path) => path.endsWith("manifest.json")).length).toBeGreaterThan(5);
  const kinds = new Set<string>();
  const seen = new Map<string, number>();
  const kills = await twoDays(killed, (event) => {
    // Each kind of event once in each stretch, and each of the steps once.
    const key = JSON.stringify([
      event.kind,
      "position" in event ? event.position.step : "",
      "dir" in event ? event.dir : "",
    ]);
    const times = seen.get(key) ?? 0;
    seen.set(key, times + 1);
    kinds.add(event.kind);
    return times === 0;
  });
  expect(kills).toBeGreaterThan(15);
  // After the last checkpoint of a stretch it is trained on: its end is not reached again.
  expect(kinds).toEqual(new Set(events.filter((kind) => kind !== "trainingEnded")));
  expect(bytesOf(killed)).toEqual(expected);
  expect(await versionsOf(killed)).toEqual(await versionsOf(plain));
  for (const name of [plain, killed])
    expect(readdirSync(`${name}/cache/packed`).filter((packed) => packed.startsWith("stretch"))).toEqual([]);
});

it("finishes what a process left undone that was killed after its last checkpoint, also without new rows", async () => {
  const name = "evicts-left";
  await firstTraining(name);
  const folders = [`${name}/run/checkpoints`, `${name}/versions/checkpoints`];
  const stale = new Map(folders.map((folder) => [folder, readFileSync(`${folder}/latest.json`)]));
  writeFileSync(`${name}/2.csv`, day(1, 60));
  await goOn(name, () => false);
  const state = (folder: string) => [
    readFileSync(`${folder}/latest.json`, "utf8"),
    readdirSync(folder).sort(),
  ];
  const settled = folders.map(state);
  for (const [folder, pointer] of stale) {
    writeFileSync(`${folder}/latest.json`, pointer);
    mkdirSync(`${folder}/.tmp-pruned-step-00000001-x`);
  }
  expect(folders.map(state)).not.toEqual(settled);
  await goOn(name, () => false);
  expect(folders.map(state)).toEqual(settled);
  await expect(trainRun({ ...run(name), resume: true, baselines: false })).rejects.toThrow(/--continue/);
});

it("publishes the last state if it is not published, also without new rows", async () => {
  const name = "evicts-owed";
  await firstTraining(name);
  writeFileSync(`${name}/2.csv`, day(1, 60));
  await goOn(name, () => false);
  const versions = await versionsOf(name);
  const last = Object.keys(versions).at(-1)!;
  rmSync(`${name}/versions/checkpoints/${last}`, { recursive: true });
  const events: RunEvent[] = [];
  const again = () => continueRun(run(name, (event) => events.push(event)));
  for (let time = 0; time < 2; time++) {
    expect((await again()).stretches).toBe(0);
    expect(await versionsOf(name)).toEqual(versions);
  }
  const step = Number(last.replace("step-", ""));
  expect(events.filter(({ kind }) => kind === "published")).toEqual([{ kind: "published", step }]);
});
