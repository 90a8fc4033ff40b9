import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { load } from "../serve/load.js";
import { readCheckpoint } from "./checkpoint.js";
import { findLatest } from "./discovery.js";
import { bytesOf } from "./dtypes.js";
import { encodeManifest, type Manifest } from "./manifest.js";
import type { Range, Table } from "./table-layout.js";
import { contentOf } from "./testing.js";
import { type CheckpointContent, writeCheckpoint } from "./write.js";

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "tables-"));
});
afterEach(() => rm(run, { recursive: true }));

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A safetensors file, read as its specification says and by nothing of ours. */
function parsed(bytes: Buffer): Map<string, Buffer> {
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const data = bytes.subarray(8 + length);
  return new Map(
    Object.entries(header).map(([name, { data_offsets }]) => [name, data.subarray(...data_offsets)]),
  );
}

const floats = (bytes: Buffer) =>
  Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));

const ROWS = [
  { shop: "s1", hour: 2, price: 3, tags: "t1|t2" },
  { shop: "new", hour: null, price: null, tags: null },
];

/** Checkpoints as they were written by older versions, and the scores that they gave then. */
describe.each([
  { version: 1, tables: [], scores: [-0.4343082904815674, -0.009253359399735928] },
  { version: 2, tables: ["hour", "shop", "tags"], scores: [-0.8001309037208557, -0.3919961154460907] },
])("format $version", ({ version, tables, scores }) => {
  const fixture = fileURLToPath(new URL(`./fixtures/format-${version}`, import.meta.url));

  it("loads: every tensor, and the scores that it had when it was written", async () => {
    const checkpoint = await readCheckpoint(fixture);
    expect(checkpoint.manifest).toMatchObject({ version, step: 5 });
    const named = checkpoint.manifest.tables.map(({ name }) => name);
    expect(named.sort()).toEqual(tables.map((table) => `embeddings.${table}.weight`));
    for (const [file, open] of [
      ["model.safetensors", () => checkpoint.openModel()],
      ["optimizer.safetensors", () => checkpoint.openOptimizer()],
    ] as const) {
      const tensors = await open();
      const expected = parsed(await readFile(join(fixture, file)));
      expect([...tensors.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [name, bytes] of expected) {
        if (tensors.tensors.get(name)!.dtype !== "F32") continue;
        expect([...((await tensors.read(name)) as Float32Array)]).toEqual(floats(bytes));
      }
      await tensors.close();
    }
    const model = await load(fixture, { backend: "reference" });
    expect([...model.logits(ROWS)]).toEqual(scores);
  });

  it("is still found damaged", async () => {
    const dir = join(run, "checkpoints", "step-00000005");
    await cp(fixture, dir, { recursive: true });
    const path = join(dir, "model.safetensors");
    const bytes = await readFile(path);
    bytes[bytes.length - 1] ^= 1;
    await writeFile(path, bytes);
    await expect((await readCheckpoint(dir)).openModel()).rejects.toThrow(/checksum/);
  });
});

/** 7 rows of 2, with one state per row. */
function withTable(step = 3): CheckpointContent {
  const content = contentOf(step, {}, 7);
  const sums = Float32Array.from({ length: 7 }, (_, i) => i / 4);
  content.optimizer.set("embedding.user/sum", { dtype: "F32", shape: [7], data: sums });
  return { ...content, tables: [{ name: "embedding.user", states: ["embedding.user/sum"] }] };
}

describe("tables of a checkpoint", () => {
  it("are described with the ranges of their bytes, and other tools read the same", async () => {
    const { dir, manifest } = await writeCheckpoint(run, withTable());
    expect(manifest.writer).toMatch(/^\d+\.\d+\.\d+/);
    expect(manifest.tables).toMatchObject([
      { name: "embedding.user", rows: 7, dim: 2, dtype: "F32", order: "rows", slots: 1024 },
    ]);
    const [{ ranges, states }] = manifest.tables;
    for (const [{ file, offset, bytes, checksum }, name] of [
      [ranges[0], "embedding.user"],
      [states[0].ranges[0], "embedding.user/sum"],
    ] as const) {
      const whole = await readFile(join(dir, file));
      expect(parsed(whole).get(name)).toEqual(whole.subarray(offset, offset + bytes));
      expect(checksum).toBe(sha256(whole.subarray(offset, offset + bytes)));
    }
    const checkpoint = await readCheckpoint(dir);
    const [model, optimizer] = [await checkpoint.openModel(), await checkpoint.openOptimizer()];
    expect([...((await model.read("embedding.user")) as Float32Array)]).toEqual([
      3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ]);
    expect(await optimizer.read("embedding.user/sum")).toEqual(
      Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25, 1.5),
    );
    await Promise.all([model.close(), optimizer.close()]);
  });

  it.each(["model.safetensors", "optimizer.safetensors"])("any flipped byte of %s is found", async (file) => {
    const { dir } = await writeCheckpoint(run, withTable());
    const path = join(dir, file);
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at += 5) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 16;
      await writeFile(path, damaged);
      await expect((await readCheckpoint(dir)).verify()).rejects.toThrow(/checksum does not match/);
    }
    await writeFile(path, bytes);
    await (await readCheckpoint(dir)).verify();
  });

  it("a damaged range is named with its table", async () => {
    const { dir, manifest } = await writeCheckpoint(run, withTable());
    const { offset } = manifest.tables[0].ranges[0];
    const path = join(dir, "model.safetensors");
    const bytes = await readFile(path);
    bytes[offset + 9] ^= 1;
    await writeFile(path, bytes);
    await expect((await readCheckpoint(dir)).openModel()).rejects.toThrow(
      /56 bytes of embedding\.user from byte/,
    );
    expect((await findLatest(run, { checksums: true })).rejected).toHaveLength(1);
  });
});

/** A layout of a table over several files, as several writers would leave it. */
interface Layout {
  readonly rows: number;
  readonly dim: number;
  readonly order: Table["order"];
  readonly slots: number;
  /** Where one range ends and the next begins, in rows or slots; each range has a file of its own or the last one's. */
  readonly cuts: readonly { readonly at: number; readonly newFile: boolean }[];
}

const layouts: fc.Arbitrary<Layout> = fc.record({
  rows: fc.integer({ min: 1, max: 90 }),
  dim: fc.integer({ min: 1, max: 4 }),
  order: fc.constantFrom("rows", "slots"),
  slots: fc.constantFrom(1, 3, 8, 1024),
  cuts: fc.array(fc.record({ at: fc.nat(89), newFile: fc.boolean() }), { maxLength: 4 }),
});

const valueAt = (element: number) => element * 3 + 1;

/** Writes the table row by row, as the layout orders them, each row looked up by its number. */
async function writeLayout(dir: string, { rows, dim, order, slots, cuts }: Layout): Promise<Manifest> {
  const units = order === "rows" ? rows : slots;
  const rowsOfUnit = (unit: number): number[] =>
    order === "rows"
      ? [unit]
      : Array.from({ length: rows }, (_, row) => row).filter((row) => row % slots === unit);
  const borders = [...cuts]
    .map(({ at, newFile }) => ({ at: at % units, newFile }))
    .sort((a, b) => a.at - b.at);
  const files = new Map<string, Buffer[]>([["part-0", [Buffer.from("head")]]]);
  const ranges: Range[] = [];
  let file = "part-0";
  [...borders, { at: units, newFile: false }].reduce((first, { at: end, newFile }) => {
    const numbers = Array.from({ length: end - first }, (_, i) => rowsOfUnit(first + i)).flat();
    const values = numbers.flatMap((row) => Array.from({ length: dim }, (_, d) => valueAt(row * dim + d)));
    const bytes = Buffer.from(bytesOf(Float32Array.from(values)));
    const offset = Buffer.concat(files.get(file)!).length;
    files.get(file)!.push(bytes);
    const slotsOf = order === "slots" ? { slots: [first, end] as [number, number] } : {};
    ranges.push({ file, offset, bytes: bytes.length, checksum: sha256(bytes), ...slotsOf });
    if (newFile) {
      file = `part-${files.size}`;
      files.set(file, [Buffer.from("head")]);
    }
    return end;
  }, 0);
  const { manifest } = await writeCheckpoint(join(dir, "plain"), contentOf(1));
  await cp(join(dir, "plain", "checkpoints", "step-00000001"), dir, { recursive: true });
  const parts = [...files].map(([name, chunks]) => [name, Buffer.concat(chunks)] as const);
  for (const [name, bytes] of parts) await writeFile(join(dir, name), bytes);
  const headers = parts.map(([name, { length }]) => [
    name,
    { bytes: length, sha256: sha256(Buffer.from("head")) },
  ]);
  const table: Table = { name: "t", rows, dim, dtype: "F32", states: [], slots, order, ranges };
  const described = { tables: [table], files: { ...manifest.files, ...Object.fromEntries(headers) } };
  await writeFile(join(dir, "manifest.json"), encodeManifest(manifest, described));
  return manifest;
}

describe("tables in several ranges, files and orders", () => {
  it("read as the rows that were written", async () => {
    let example = 0;
    await fc.assert(
      fc.asyncProperty(layouts, fc.nat(400), fc.nat(400), async (layout, a, b) => {
        const dir = join(run, String(example++));
        await mkdir(dir);
        await writeLayout(dir, layout);
        const checkpoint = await readCheckpoint(dir);
        await checkpoint.verify();
        const model = await checkpoint.openModel();
        const elements = layout.rows * layout.dim;
        expect(await model.read("t")).toEqual(Float32Array.from({ length: elements }, (_, i) => valueAt(i)));
        const [from, to] = [a % elements, b % elements].sort((x, y) => x - y);
        const part = new Float32Array(to - from);
        await model.readInto("t", part, from);
        expect(part).toEqual(Float32Array.from({ length: to - from }, (_, i) => valueAt(from + i)));
        const place = model.locate("t");
        if (place)
          expect(
            floats((await readFile(place.path)).subarray(place.offset, place.offset + 4 * elements)),
          ).toEqual(Array.from({ length: elements }, (_, i) => valueAt(i)));
        expect([...((await model.read("embedding.user")) as Float32Array)]).toEqual([1, 2, 3, 4]);
        await model.close();
      }),
      { numRuns: 40 },
    );
  });

  /** A valid checkpoint whose manifest is changed and signed again. */
  async function changed(change: (manifest: Manifest) => Partial<Manifest>): Promise<string> {
    const { dir, manifest } = await writeCheckpoint(run, withTable());
    const { sha256: _, ...raw } = JSON.parse(await readFile(join(dir, "manifest.json"), "utf8"));
    const text = JSON.stringify({ ...raw, ...change(manifest) });
    const sum = createHash("sha256").update(text).digest("hex");
    await writeFile(join(dir, "manifest.json"), JSON.stringify({ ...JSON.parse(text), sha256: sum }));
    return dir;
  }
  const changeTable = (change: (table: Table) => object) => (manifest: Manifest) => ({
    tables: manifest.tables.map((table) => ({ ...table, ...change(table) })) as Table[],
  });
  const changeRange = (part: object) =>
    changeTable(({ ranges: [range] }) => ({ ranges: [{ ...range, ...part }] }));

  const withoutRows = (table: Table): Table => ({ ...table, rows: 0, ranges: [], states: [] });

  it.each<[string, (manifest: Manifest) => Partial<Manifest>, RegExp]>([
    ["a table twice", ({ tables }) => ({ tables: [...tables, ...tables.map(withoutRows)] }), /a table twice/],
    ["a range beyond its file", changeRange({ offset: 1e6 }), /are inconsistent/],
    ["a range of a file that is not listed", changeRange({ file: "other" }), /are inconsistent/],
    ["part of a row", changeRange({ bytes: 52 }), /whole rows of 8 bytes/],
    ["a missing column", changeRange({ columns: [0, 1] }), /1 columns.*\n.*2 columns/],
    ["no first column", changeRange({ columns: [1, 2] }), /columns 1 to 2.*\n.*columns from 0 on/],
    ["a missing row", changeRange({ bytes: 48 }), /ranges of 6 rows/],
    ["ranges that overlap", changeTable(({ ranges: [r] }) => ({ ranges: [r, r] })), /no overlap/],
    ["neither rows nor a capacity", changeTable(() => ({ rows: undefined })), /either rows or a capacity/],
    ["more slots than anybody can visit", changeTable(() => ({ slots: 2 ** 53 - 1 })), /slots/],
    ["fewer rows than none", changeTable(() => ({ rows: -1 })), /rows/],
    ["slots without their numbers", changeTable(() => ({ order: "slots" })), /slots -1 to -1/],
    [
      "changes since another checkpoint",
      () => ({ base: { checkpoint: "step-00000002", step: 2, sha256: "0".repeat(64) } }),
      /inconsistent[\s\S]*no keys/,
    ],
    [
      "a table that grows",
      changeTable(({ ranges }) => ({ rows: undefined, capacity: 100, keys: [], ranges, states: [] })),
      /a growing table has the order slots/,
    ],
    [
      "a table that grows, without the rows of its slots",
      changeTable(({ ranges: [{ checksum }] }) => ({
        ...{ rows: undefined, capacity: 100, order: "slots", ranges: [], states: [] },
        keys: [{ file: "model.safetensors", offset: 0, bytes: 8, checksum, slots: [0, 1024] }],
      })),
      /counts of 0 slots/,
    ],
    ["keys in a complete table", changeTable(({ ranges }) => ({ keys: ranges, ranges: [] })), /keys/],
    ["deleted keys of a table of fixed size", changeTable(() => ({ deleted: [] })), /only a growing table/],
    [
      "a row of no key in a table of fixed size",
      changeTable(() => ({ unknown: true })),
      /only in a table with keys/,
    ],
  ])("refuses %s", async (_, change, message) => {
    await expect(readCheckpoint(await changed(change))).rejects.toThrow(message);
  });
});
