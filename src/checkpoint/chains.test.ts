import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type Checkpoint, readCheckpoint } from "./checkpoint.js";
import { findLatest } from "./discovery.js";
import { ARRAY_OF, isWritable } from "./dtypes.js";
import { elementCount } from "./safetensors-header.js";
import type { TensorSource } from "./safetensors-writer.js";
import { keysName } from "./table-layout.js";
import type { Tensors } from "./tensors.js";
import { FIXED_ROWS, GROWING, keyOf, ModelWithTables } from "./testing.js";
import { type CheckpointContent, type TableContent, writeCheckpoint } from "./write.js";

const folder = mkdtempSync(join(tmpdir(), "chains-"));
afterAll(() => rmSync(folder, { recursive: true }));
let runs = 0;
const newRun = () => join(folder, `run-${runs++}`);

/** A step of training that a checkpoint follows, complete or with changes. */
interface Stretch {
  readonly rows: readonly number[];
  readonly updated: readonly number[];
  readonly removed: readonly number[];
  readonly full: boolean;
}

const numbers = fc.array(fc.nat(60), { maxLength: 12 });
const stretches = fc.array(
  fc.record({
    rows: fc.array(fc.nat(FIXED_ROWS - 1), { maxLength: 8 }),
    updated: numbers,
    removed: numbers,
    full: fc.integer({ min: 0, max: 5 }).map((i) => i === 0),
  }),
  { minLength: 1, maxLength: 8 },
);

function train(model: ModelWithTables, { rows, updated, removed }: Stretch, step: number): void {
  for (const [i, row] of rows.entries()) model.updateRow(row, step + i);
  for (const [i, number] of updated.entries()) {
    model.updateKey(keyOf(number), step * 100 + i);
    if (i % 3 === 2) model.remove(keyOf(updated[i - 1]));
  }
  for (const number of removed) model.remove(keyOf(number));
}

/** The bytes of all files of a checkpoint. */
const filesOf = ({ dir }: Checkpoint) =>
  new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name)).toString("latin1")]));

/** All tensors that a reader gives, as a writer takes them. */
async function allTensors(tensors: Tensors): Promise<Map<string, TensorSource>> {
  const read = [...tensors.tensors].map(async ([name, { dtype, shape }]) => {
    if (!isWritable(dtype)) throw new TypeError(dtype);
    const data = new ARRAY_OF[dtype](elementCount(shape));
    await tensors.readInto(name, data);
    return [name, { dtype, shape, data }] as [string, TensorSource];
  });
  const all = new Map(await Promise.all(read));
  await tensors.close();
  return all;
}

/** What a process that has restored the checkpoint saves. */
async function saveAgain(checkpoint: Checkpoint, like: CheckpointContent): Promise<Checkpoint> {
  const model = await allTensors(await checkpoint.openModel());
  const optimizer = await allTensors(await checkpoint.openOptimizer());
  const keys = model.get(keysName(GROWING))!.data as BigUint64Array;
  const tables = like.tables!.map(
    (table): TableContent => (table.name === GROWING ? { ...table, keys } : table),
  );
  const [ofModel, ofOptimizer] = [
    [model, like.model],
    [optimizer, like.optimizer],
  ].map(
    ([found, wanted]) =>
      new Map([...wanted].map(([name, { shape }]) => [name, { ...found.get(name)!, shape }])),
  );
  return writeCheckpoint(newRun(), { ...like, tables, model: ofModel, optimizer: ofOptimizer });
}

async function chainOf(model: ModelWithTables, all: readonly Stretch[], run: string) {
  let newest: Checkpoint | undefined;
  for (const [i, stretch] of all.entries()) {
    train(model, stretch, i + 1);
    const content = newest && !stretch.full ? model.changes(i + 1, newest) : model.whole(i + 1);
    newest = await writeCheckpoint(run, content);
    model.saved();
  }
  return newest!;
}

describe("a chain of checkpoints with changes", () => {
  it("is the complete checkpoint, byte for byte, when it is saved again", async () => {
    await fc.assert(
      fc.asyncProperty(stretches, async (all) => {
        const [model, run] = [new ModelWithTables(), newRun()];
        const written = await chainOf(model, all, run);
        const content = model.whole(all.length);
        const complete = await writeCheckpoint(newRun(), content);
        for (const found of [written, (await findLatest(run, { checksums: true })).checkpoint!]) {
          const again = await saveAgain(found, content);
          expect(filesOf(again)).toEqual(filesOf(complete));
        }
      }),
      { numRuns: 12 },
    );
  });

  it("is that also after 50 of them, with keys that go and come back", async () => {
    const model = new ModelWithTables();
    const all = Array.from({ length: 51 }, (_, i) => ({
      rows: [(7 * i) % FIXED_ROWS, (11 * i) % FIXED_ROWS],
      updated: Array.from({ length: 20 }, (_, k) => (i * 13 + k * k) % 97),
      removed: Array.from({ length: 9 }, (_, k) => (i * 5 + k * 11) % 97),
      full: false,
    }));
    const newest = await chainOf(model, all, newRun());
    expect(newest.chain).toHaveLength(51);
    const content = model.whole(51);
    const again = await saveAgain(await readCheckpoint(newest.dir), content);
    expect(filesOf(again)).toEqual(filesOf(await writeCheckpoint(newRun(), content)));
  });

  it("is small where little has changed", async () => {
    const [model, run] = [new ModelWithTables(), newRun()];
    for (let number = 0; number < 900; number++) model.updateKey(keyOf(number), number);
    const full = await writeCheckpoint(run, model.whole(1));
    model.saved();
    model.updateKey(keyOf(17), 5);
    const delta = await writeCheckpoint(run, model.changes(2, full));
    const [before, after] = [full, delta].map(({ manifest }) => manifest.files["model.safetensors"].bytes);
    expect(after).toBeLessThan(before / 10);
  });

  it("reads any stretch of a tensor", async () => {
    await fc.assert(
      fc.asyncProperty(stretches, fc.nat(), fc.nat(), async (all, a, b) => {
        const model = new ModelWithTables();
        const checkpoint = await chainOf(model, all, newRun());
        const tensors = await checkpoint.openModel();
        for (const [name, { shape }] of model.whole(all.length).model) {
          const whole = (await tensors.read(name)) as Float32Array;
          expect(whole).toHaveLength(elementCount(shape));
          const [from, to] = [a % (whole.length + 1), b % (whole.length + 1)].sort((x, y) => x - y);
          const part = new Float32Array(to - from);
          await tensors.readInto(name, part, from);
          expect(part).toEqual(whole.subarray(from, to));
        }
        await tensors.close();
      }),
      { numRuns: 15 },
    );
  });
});

describe("a growing table", () => {
  it("is one stretch of a file, where other tools read its rows and keys", async () => {
    const model = new ModelWithTables();
    for (let number = 0; number < 30; number++) model.updateKey(keyOf(number), number);
    const checkpoint = await writeCheckpoint(newRun(), model.whole(3));
    const { manifest, dir } = checkpoint;
    expect(manifest.tables[1]).toMatchObject({ capacity: 1000, order: "slots", slots: 1024, unknown: true });
    const tensors = await checkpoint.openModel();
    expect([...((await tensors.read(keysName(GROWING))) as BigUint64Array)]).toEqual(model.keys);
    expect(tensors.tensors.get(GROWING)!.shape).toEqual([31, 2]);
    const { path, offset } = tensors.locate(GROWING)!;
    expect(path).toBe(join(dir, "model.safetensors"));
    const bytes = readFileSync(path).subarray(offset, offset + 31 * 2 * 4);
    const mapped = Float32Array.from({ length: 62 }, (_, i) => bytes.readFloatLE(4 * i));
    expect(mapped).toEqual(await tensors.read(GROWING));
    await tensors.close();
  });

  it("may be empty", async () => {
    const checkpoint = await writeCheckpoint(newRun(), new ModelWithTables().whole(1));
    await (await readCheckpoint(checkpoint.dir)).verify();
    const tensors = await checkpoint.openModel();
    expect(tensors.tensors.get(GROWING)!.shape).toEqual([1, 2]);
    expect(await tensors.read(GROWING)).toEqual(Float32Array.of(0.5, 0.25));
    await tensors.close();
  });
});

it.runIf(process.platform === "linux")(
  "a file that disappears while others are opened leaves none of them open",
  async () => {
    const runDir = newRun();
    const model = new ModelWithTables();
    for (let i = 0; i < 20; i++) model.updateKey(keyOf(i), i);
    const base = await writeCheckpoint(runDir, model.whole(1));
    model.saved();
    model.updateKey(keyOf(3), 77);
    const { dir } = await writeCheckpoint(runDir, model.changes(2, base));
    const isOpen = (name: string) => {
      const target = readlinkSync(`/proc/self/fd/${name}`, { encoding: "utf8" });
      return target.startsWith(runDir);
    };
    const opened = () =>
      readdirSync("/proc/self/fd").filter((name) => existsSync(`/proc/self/fd/${name}`) && isOpen(name));
    const checkpoint = await readCheckpoint(dir);
    await checkpoint.verify();
    rmSync(base.dir, { recursive: true });
    await expect(checkpoint.openModel()).rejects.toThrow(/no folder/);
    await expect(checkpoint.openOptimizer()).rejects.toThrow(/no folder/);
    expect(opened()).toEqual([]);
  },
);
