import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkpoint, readCheckpoint } from "../checkpoint/checkpoint.js";
import { findLatest } from "../checkpoint/index.js";
import { GROWING, keyOf, ModelWithTables, numbersOf, signAgain } from "../checkpoint/testing.js";
import { type TableContent, writeCheckpoint } from "../checkpoint/write.js";
import { CheckpointError, PairloomError } from "../errors.js";
import { changed, changesOf, type Json, type Path, pathsIn, valueAt } from "./testing.js";

/** Incremental checkpoints that are damaged, apart from their base, or changed by somebody who signs them again. */

/** One of this number of forgeries is tried. */
const EVERY = Number(process.env.EVERY ?? 29);

const folder = mkdtempSync(join(tmpdir(), "pairloom-forged-changes-"));
afterAll(() => rmSync(folder, { recursive: true }));
let copies = 0;

/** Steps 1 and 4 are complete; 2 and 3 are changes to 1 and 2, and 5 and 6 to 4 and 5. */
const original = join(folder, "run");
beforeAll(async () => {
  const model = new ModelWithTables();
  let newest: Checkpoint | undefined;
  for (let step = 1; step <= 6; step++) {
    model.updateRow(step, step);
    for (let i = 0; i < 6; i++) model.updateKey(keyOf((step * 7 + i) % 19), step * 10 + i);
    model.remove(keyOf((step * 7) % 19));
    const content = step % 3 === 1 ? model.whole(step) : model.changes(step, newest);
    newest = await writeCheckpoint(original, content);
    model.saved();
  }
});

function newRun(): string {
  const run = join(folder, `run-${copies++}`);
  cpSync(original, run, { recursive: true });
  return run;
}

const dirOf = (run: string, step: number) => join(run, "checkpoints", `step-0000000${step}`);

/** Every number of a checkpoint, all of whose bytes are verified. */
async function verified(dir: string): Promise<Map<string, unknown>> {
  const checkpoint = await readCheckpoint(dir);
  await checkpoint.verify();
  return numbersOf(checkpoint);
}

async function found(run: string) {
  const { checkpoint, rejected } = await findLatest(run, { checksums: true });
  return { step: checkpoint?.manifest.step, errors: rejected.map(({ error }) => error.message) };
}

describe("a base that is not what it was", () => {
  it.each<[string, (run: string) => void, RegExp, number]>([
    ["is missing", (run) => rmSync(dirOf(run, 4), { recursive: true }), /step-00000004[\s\S]*no manifest/, 3],
    [
      "is cut",
      (run) => truncateSync(join(dirOf(run, 4), "model.safetensors"), 100),
      /holds changes to step-00000004, which cannot be used[\s\S]*another size/,
      3,
    ],
    [
      "has a flipped bit",
      (run) => {
        const path = join(dirOf(run, 4), "optimizer.safetensors");
        const bytes = readFileSync(path);
        bytes[bytes.length - 1] ^= 1;
        writeFileSync(path, bytes);
      },
      /step-00000004[\s\S]*checksum does not match/,
      3,
    ],
    [
      "is another one",
      (run) => signAgain(dirOf(run, 4), (manifest) => ({ ...manifest, epoch: 3 })),
      /another checkpoint than the one that is there/,
      4,
    ],
  ])("%s: named, and the newest chain that is sound is used", async (_, damage, message, sound) => {
    const run = newRun();
    damage(run);
    const { step, errors } = await found(run);
    expect(step).toBe(sound);
    for (const error of errors.slice(0, 2)) expect(error).toMatch(message);
    await expect(verified(dirOf(run, 6))).rejects.toThrow(CheckpointError);
  });

  it.each<[string, number, object, RegExp]>([
    [
      "of a later step",
      5,
      { base: { checkpoint: "step-00000006", step: 6 } },
      /changes from step 6 to 5|cannot be used/,
    ],
    ["that is itself", 5, { base: { checkpoint: "step-00000005", step: 5 } }, /another checkpoint/],
    ["of another chain", 6, { base: { checkpoint: "step-00000002", step: 2 } }, /another checkpoint/],
    ["outside the run", 6, { base: { checkpoint: "../step-00000005", step: 5 } }, /malformed/],
  ])("a base %s is refused", async (_, step, change, message) => {
    const run = newRun();
    signAgain(dirOf(run, step), (manifest) => {
      const { base } = { base: manifest.base as object, ...change };
      return { ...manifest, base: { ...(manifest.base as object), ...base } };
    });
    await expect(verified(dirOf(run, step))).rejects.toThrow(message);
  });

  it("files of other changes are refused", async () => {
    const run = newRun();
    for (const file of ["model.safetensors", "optimizer.safetensors"])
      copyFileSync(join(dirOf(run, 5), file), join(dirOf(run, 6), file));
    await expect(verified(dirOf(run, 6))).rejects.toThrow(/checksum|size/);
  });
});

it("a manifest of changes that is signed again is refused, or reads like the original", async () => {
  const run = newRun();
  const dir = dirOf(run, 6);
  const path = join(dir, "manifest.json");
  const { sha256: _, ...manifest } = JSON.parse(readFileSync(path, "utf8"));
  const expected = await verified(dir);
  const isRead = (place: Path) => ["step", "base", "tables", "files"].includes(String(place[0]));
  const isMiddle = (place: Path) => place.at(-2) === "counts" && ![0, 1023].includes(Number(place.at(-1)));
  const places = [...pathsIn(manifest)].filter((place) => isRead(place) && !isMiddle(place));
  const forgeries = places.flatMap((place) =>
    [...changesOf(valueAt(manifest, place))].map((change) => ({ place, change })),
  );
  const faults: string[] = [];
  for (let i = EVERY >> 1; i < forgeries.length; i += EVERY) {
    const { place, change } = forgeries[i];
    signAgain(dir, () => changed(manifest as Json, place, change) as object);
    const fault = await verified(dir).then(
      (numbers) => (isDeepStrictEqual(numbers, expected) ? undefined : "reads otherwise"),
      (error) => (error instanceof PairloomError ? undefined : String(error.stack).slice(0, 300)),
    );
    if (fault) faults.push(`${place.join(".")} = ${JSON.stringify(change)?.slice(0, 60)}: ${fault}`);
  }
  expect(faults).toEqual([]);
});

describe("keys that nobody would write", () => {
  it.each<[string, (growing: TableContent) => Partial<TableContent>, RegExp]>([
    ["descend", ({ keys }) => ({ keys: keys!.toReversed() }), /inconsistent/],
    ["repeat", ({ keys }) => ({ keys: keys!.map(() => keys![0]) }), /inconsistent/],
    ["are changed and deleted", ({ keys }) => ({ deleted: keys }), /both changed and deleted/],
    ["are more than the table has room for", () => ({ capacity: 3 }), /capacity|at most 3/],
  ])("%s: refused", async (_, change, message) => {
    const [model, run] = [new ModelWithTables(), join(folder, `keys-${copies++}`)];
    for (let i = 0; i < 9; i++) model.updateKey(keyOf(i), i);
    const base = await writeCheckpoint(run, model.whole(1));
    model.saved();
    for (let i = 7; i < 12; i++) model.updateKey(keyOf(i), i);
    const content = model.changes(2, base);
    const tables = content.tables!.map((table) =>
      table.name === GROWING ? { ...table, ...change(table) } : table,
    );
    const read = async () => {
      const { dir } = await writeCheckpoint(run, { ...content, tables });
      return verified(dir);
    };
    await expect(read()).rejects.toThrow(message);
  });
});
