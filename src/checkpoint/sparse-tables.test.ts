import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { draw, drawKey, drawUnit } from "../random.js";
import { type Checkpoint, readCheckpoint } from "./checkpoint.js";
import { contentOf, signAgain } from "./testing.js";
import { type CheckpointContent, writeCheckpoint } from "./write.js";

/* A table of which checkpoints have only the rows that training has met, beside an array with all of them. */

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "sparse-"));
});
afterEach(() => rm(run, { recursive: true }));

const [NAME, STATE] = ["embeddings.item.weight", "embeddings.item.weight/sum"];
const [ROWS, DIM] = [50, 3];
const INITIAL = new Map([
  [NAME, { seed: 5, stream: 9, values: { kind: "uniform" as const, low: -1, high: 1 } }],
  [STATE, { seed: 5, stream: 10, values: { kind: "constant" as const, value: 0.5 } }],
]);

function initialRows(): Float32Array {
  const key = drawKey(5, 9, 0);
  return Float32Array.from({ length: ROWS * DIM }, (_, i) => -1 + 2 * drawUnit(key, i));
}

function content(step: number, rows: readonly number[], whole: Float32Array): CheckpointContent {
  const data = Float32Array.from(rows.flatMap((row) => [...whole.subarray(row * DIM, (row + 1) * DIM)]));
  const sums = Float32Array.from(rows, (row) => row + step);
  const keys = BigUint64Array.from(rows, BigInt);
  return {
    ...contentOf(step),
    model: new Map([[NAME, { dtype: "F32", shape: [rows.length, DIM], data }]]),
    optimizer: new Map([[STATE, { dtype: "F32", shape: [rows.length, 1], data: sums }]]),
    tables: [{ name: NAME, states: [STATE], rows: ROWS, keys, initial: INITIAL }],
  };
}

it("reads as all rows, whole and in any stretch, after any number of changes", async () => {
  const key = drawKey(1, 2, 3);
  const whole = initialRows();
  const states = new Float32Array(ROWS).fill(0.5);
  const met = new Set<number>();
  let newest: Checkpoint | undefined;
  for (let step = 1; step <= 6; step++) {
    const changed = [...new Set(Array.from({ length: 4 }, (_, i) => draw(key, 9 * step + i) % ROWS))];
    changed.sort((a, b) => a - b);
    for (const row of changed) {
      whole.fill(step + row / 8, row * DIM, (row + 1) * DIM);
      states[row] = row + step;
      met.add(row);
    }
    newest = await writeCheckpoint(run, { ...content(step, changed, whole), changesTo: newest });
    const [model, optimizer] = await Promise.all([newest.openModel(), newest.openOptimizer()]);
    expect([...model.tensors.keys()]).toEqual([NAME]);
    expect(await model.read(NAME)).toEqual(whole);
    expect(await optimizer.read(STATE)).toEqual(states);
    expect([...model.stored!(NAME)!.rows].map(Number)).toEqual([...met].sort((a, b) => a - b));
    for (let i = 0; i < 40; i++) {
      const from = draw(key, 100 * step + 2 * i) % (ROWS * DIM);
      const part = new Float32Array(draw(key, 100 * step + 2 * i + 1) % (ROWS * DIM - from + 1));
      await model.readInto(NAME, part, from);
      expect(part).toEqual(whole.subarray(from, from + part.length));
    }
    await Promise.all([model.close(), optimizer.close()]);
  }
});

it("may have no rows at all", async () => {
  const checkpoint = await writeCheckpoint(run, content(1, [], initialRows()));
  const model = await checkpoint.openModel();
  expect(await model.read(NAME)).toEqual(initialRows());
  await model.close();
});

it.each([[[3, 2]], [[2, 2]], [[1, ROWS]]])("refuses the rows %j", async (rows) => {
  const checkpoint = await writeCheckpoint(run, content(1, rows, new Float32Array((ROWS + 1) * DIM)));
  await expect(checkpoint.openModel()).rejects.toThrow(/the keys of a table are inconsistent/);
});

it.each([{ value: 1e300 }, { value: "1" }, { kind: "normal", mean: 0, std: 1e200 }])(
  "refuses the initial values %j",
  async (values) => {
    const { dir } = await writeCheckpoint(run, content(1, [1, 2], initialRows()));
    signAgain(dir, (manifest) => {
      const [table] = manifest.tables as [{ initial: object }];
      const initial = { ...table.initial, values: { kind: "constant", ...values } };
      return { ...manifest, tables: [{ ...table, initial }] };
    });
    await expect(readCheckpoint(dir)).rejects.toThrow(/the manifest is malformed[\s\S]*initial/);
  },
);

it("refuses changes with other initial values than their base has", async () => {
  const base = await writeCheckpoint(run, content(1, [1, 2], initialRows()));
  const { dir } = await writeCheckpoint(run, { ...content(2, [3], initialRows()), changesTo: base });
  signAgain(dir, (manifest) => {
    const [table] = manifest.tables as [{ initial: object }];
    return { ...manifest, tables: [{ ...table, initial: { ...table.initial, seed: 6 } }] };
  });
  await expect(readCheckpoint(dir)).rejects.toThrow(/changes to another checkpoint/);
});
