import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS } from "../../conformance/backends.js";
import type { Backend, Memory } from "../backends/backend.js";
import { valuesOf } from "../backends/testing.js";
import type { Checkpoint } from "../checkpoint/index.js";
import { contentOf } from "../checkpoint/testing.js";
import { writeCheckpoint } from "../checkpoint/write.js";
import type { TableDtype } from "../graph/tensor.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { savedParameters } from "./saved-parameters.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-saved-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 100_000;
const large = Float32Array.from({ length: ROWS * 4 }, (_, i) => Math.sin(i));
const halves = Uint16Array.from({ length: ROWS * 8 }, (_, i) => i % 30_000);

let checkpoint: Checkpoint;
beforeAll(async () => {
  const content = contentOf(1);
  content.model = new Map([
    ["large", { dtype: "F32", shape: [ROWS, 4], data: large }],
    ["halves", { dtype: "BF16", shape: [ROWS, 8], data: halves }],
    ["small", { dtype: "F32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
    ["weight", { dtype: "F32", shape: [ROWS, 4], data: large }],
  ]);
  const tables = ["large", "halves", "small"].map((name) => ({ name, states: [] }));
  checkpoint = await writeCheckpoint(folder, { ...content, tables });
});

function attrs(name: string, shape: number[], dtype: TableDtype = "fp32"): ParameterAttrs {
  const role = name === "weight" ? "dense" : "table";
  return { name, shape, role, init: { kind: "constant", value: 0 }, trainable: true, dtype };
}

const MODEL = [
  attrs("large", [ROWS, 4]),
  attrs("halves", [ROWS, 8], "bf16"),
  attrs("small", [2, 2]),
  attrs("weight", [ROWS, 4]),
];

const isMapped = (memory: Memory) => {
  const first = valuesOf(memory).slice(0, 1);
  try {
    memory.write(0, first);
    return false;
  } catch {
    return true;
  }
};

describe.each(BACKENDS)("parameters of a checkpoint on $name", ({ name, use }) => {
  const parametersOf = (backend: Backend, model: readonly ParameterAttrs[]) =>
    savedParameters(checkpoint, backend, model).then(({ memory }) => memory);

  it("have its numbers, large tables in the file where the backend can", async () => {
    const backend = use();
    const parameters = await parametersOf(backend, MODEL);
    expect(Buffer.compare(bytes(parameters.get("large")!), Buffer.from(large.buffer))).toBe(0);
    expect(Buffer.compare(bytes(parameters.get("weight")!), Buffer.from(large.buffer))).toBe(0);
    expect(Buffer.compare(bytes(parameters.get("halves")!), Buffer.from(halves.buffer))).toBe(0);
    expect([...valuesOf(parameters.get("small")!)]).toEqual([1, 2, 3, 4]);
    const mapped = MODEL.map(({ name }) => name).filter((name) => isMapped(parameters.get(name)!));
    expect(mapped).toEqual(backend.map ? ["large", "halves"] : []);
  });

  it("are copied where the model has another dtype, and refused where the table is not there", async () => {
    const parameters = await parametersOf(use(), [attrs("halves", [ROWS, 8])]);
    const values = valuesOf(parameters.get("halves")!);
    // A bfloat16 is the upper half of a float32.
    const expected = new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
    expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from(expected.buffer))).toBe(0);
    await expect(parametersOf(use(), [attrs("other", [ROWS, 4])])).rejects.toThrow(/no such tensor/);
    await expect(parametersOf(use(), [attrs("large", [ROWS + 1, 4])])).rejects.toThrow(/another shape/);
  });

  it("of a sparse table read its stored rows only: the others are filled", async () => {
    const [rows, sparse] = [ROWS, { name: "sparse", states: [], keys: BigUint64Array.of(3n, 99_999n) }];
    const values = { seed: 1, stream: 2, values: { kind: "constant" as const, value: 0.5 } };
    const content = contentOf(1);
    content.model = new Map([["sparse", { dtype: "F32", shape: [2, 4], data: large.slice(0, 8) }]]);
    const table = { ...sparse, rows, initial: new Map([["sparse", values]]) };
    const run = join(folder, `sparse-${name.replaceAll(" ", "-")}`);
    const written = await writeCheckpoint(run, { ...content, optimizer: new Map(), tables: [table] });
    const { memory } = await savedParameters(written, use(), [attrs("sparse", [rows, 4])]);
    const expected = new Float32Array(4 * rows).fill(0.5);
    for (const [i, row] of [3, 99_999].entries()) expected.set(large.subarray(4 * i, 4 * i + 4), 4 * row);
    expect(Buffer.compare(bytes(memory.get("sparse")!), Buffer.from(expected.buffer))).toBe(0);
    const halved = await savedParameters(written, use(), [attrs("sparse", [rows, 4], "fp16")]);
    expect(valuesOf(halved.memory.get("sparse")!).slice(0, 4)).toEqual(new Uint16Array(4).fill(0x3800));
  });

  it("map a dynamic table that has fewer keys than room for them, with the row of no key before those of the keys", async () => {
    const [keys, capacity] = [70_000, 3e8];
    const content = contentOf(1);
    content.model = new Map([
      ["keyed", { dtype: "F32", shape: [keys + 1, 4], data: large.slice(0, 4 * keys + 4) }],
    ]);
    const inOrder = Array.from({ length: keys }, (_, i) => BigInt(i)).sort((a, b) =>
      Number((a % 1024n) - (b % 1024n)),
    );
    const table = { name: "keyed", states: [], capacity, keys: BigUint64Array.from(inOrder) };
    const run = join(folder, `keyed-${name.replaceAll(" ", "-")}`);
    const written = await writeCheckpoint(run, { ...content, optimizer: new Map(), tables: [table] });
    const own = { ...attrs("keyed", [use().map ? capacity + 1 : keys + 1, 4]), byKey: true as const };
    const memory = (await savedParameters(written, use(), [own])).memory.get("keyed")!;
    const found = new Float32Array(4 * keys + 4);
    memory.read(0, found);
    expect(isDeepStrictEqual(found, large.slice(0, 4 * keys + 4))).toBe(true);
    const write = () => memory.write(0, new Float32Array(1));
    if (use().map) expect(write).toThrow(/mapped file/);
  });
});

function bytes(memory: Memory): Buffer {
  const { buffer, byteOffset, byteLength } = valuesOf(memory);
  return Buffer.from(buffer, byteOffset, byteLength);
}
