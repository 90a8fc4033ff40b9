import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { DiskError } from "./disk.js";
import { bytesOf, DTYPE_BYTES } from "./dtypes.js";
import { encodeHeader, layOut } from "./safetensors-header.js";
import { SafetensorsFile } from "./safetensors-reader.js";
import { type ReadElements, type TensorSource, writeSafetensors } from "./safetensors-writer.js";

let dir: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, `${count++}.safetensors`);

/** A file built from the specification alone, with a header that may lie. */
async function rawFile(header: unknown, data: Uint8Array): Promise<string> {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeUInt32LE(json.length);
  const path = fresh();
  await writeFile(path, Buffer.concat([length, json, data]));
  return path;
}

const tensor = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("writeSafetensors", () => {
  it("writes the bytes that the specification gives", async () => {
    const path = fresh();
    const written = await writeSafetensors(
      path,
      new Map<string, TensorSource>([
        ["b", { dtype: "F32", shape: [2, 1], data: Float32Array.of(1, -2) }],
        ["id", { dtype: "I64", shape: [], data: BigInt64Array.of(-3n) }],
        ["a", { dtype: "I32", shape: [1], data: Int32Array.of(7) }],
      ]),
    );
    const json =
      '{"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},' +
      '"id":{"dtype":"I64","shape":[],"data_offsets":[8,16]},' +
      '"a":{"dtype":"I32","shape":[1],"data_offsets":[16,20]}}';
    const padded = json.padEnd(Math.ceil((8 + json.length) / 64) * 64 - 8);
    const expected = Buffer.concat([
      Buffer.of(padded.length, 0, 0, 0, 0, 0, 0, 0),
      Buffer.from(padded),
      Buffer.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0), // 1, -2
      Buffer.of(0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), // -3
      Buffer.of(7, 0, 0, 0),
    ]);
    expect(await readFile(path)).toEqual(expected);
    expect(written).toEqual({
      bytes: expected.length,
      sha256: createHash("sha256").update(expected).digest("hex"),
      ranges: expect.any(Map),
    });
  });

  it("begins rows with a cache line, and elements with their size", () => {
    const dtypes = ["F32", "F16", "I64", "U8"] as const;
    const tensors = fc.array(fc.tuple(fc.constantFrom(...dtypes), fc.nat(5), fc.nat(40)), { maxLength: 9 });
    fc.assert(
      fc.property(tensors, (list) => {
        const map = new Map(
          list.map(([dtype, rows, dim], i) => [`t${i}`, { dtype, shape: [rows, dim] }] as const),
        );
        const header = encodeHeader({ tensors: layOut(map), metadata: {} });
        for (const { dtype, shape, begin, end } of layOut(map).values()) {
          const place = header.length + begin;
          const rowBytes = shape[1] * DTYPE_BYTES[dtype];
          expect(place % DTYPE_BYTES[dtype]).toBe(0);
          if ([8, 16, 32, 64, 128].includes(rowBytes)) expect(place % Math.min(64, rowBytes)).toBe(0);
          expect(end - begin).toBe(shape[0] * rowBytes);
        }
      }),
    );
  });

  it("writes what a function reads as it writes an array, also where several threads hash", async () => {
    const values = Float32Array.from({ length: 9_000_000 }, (_, i) => i / 3);
    const shape = [9_000, 1_000];
    const read: ReadElements = (from, into) => into.set(values.subarray(from, from + into.length) as never);
    const write = async (data: TensorSource["data"]) => {
      const path = fresh();
      const small = { dtype: "F32", shape: [1], data: Float32Array.of(5) } as const;
      const tensors = new Map<string, TensorSource>([
        ["a", small],
        ["t", { dtype: "F32", shape, data }],
        ["z", small],
      ]);
      return {
        path,
        written: await writeSafetensors(path, tensors, new Map([["t", [{ first: 0, end: 9_000 }]]])),
      };
    };
    const [whole, parts] = [await write(values), await write(read)];
    const bytes = await readFile(whole.path);
    expect((await readFile(parts.path)).equals(bytes)).toBe(true);
    const [{ offset, bytes: length, checksum }] = whole.written.ranges.get("t")!;
    const hash = (...parts: Uint8Array[]) => {
      const sha = createHash("sha256");
      for (const part of parts) sha.update(part);
      return sha.digest("hex");
    };
    expect(checksum).toBe(hash(bytesOf(values)));
    expect(bytes.subarray(offset, offset + length).equals(bytesOf(values))).toBe(true);
    expect(whole.written.sha256).toBe(hash(bytes.subarray(0, offset), bytes.subarray(offset + length)));
    expect({ ...parts.written, ranges: undefined }).toEqual({ ...whole.written, ranges: undefined });
    expect(parts.written.ranges.get("t")![0].checksum).toBe(checksum);
  });

  it("refuses data that does not match its shape or dtype", async () => {
    const data = new Float32Array(5);
    const write = (source: TensorSource) => writeSafetensors(fresh(), new Map([["t", source]]));
    await expect(write({ dtype: "F32", shape: [2, 3], data })).rejects.toThrow(/5 elements[\s\S]*6 elements/);
    await expect(write({ dtype: "F32", shape: [2, 2], data })).rejects.toThrow(CheckpointError);
    await expect(write({ dtype: "I32", shape: [5], data })).rejects.toThrow(/Float32Array[\s\S]*Int32Array/);
  });

  it("names the file that cannot be written", async () => {
    const path = join(fresh(), "t.safetensors");
    const writing = writeSafetensors(path, new Map());
    await expect(writing).rejects.toThrow(DiskError);
    await expect(writing).rejects.toMatchObject({
      report: { where: path, got: expect.stringContaining("no folder") },
    });
  });
});

describe("SafetensorsFile", () => {
  it("reads back any set of tensors, whole and in parts", async () => {
    const arrays = fc.dictionary(fc.string({ maxLength: 8 }), fc.array(fc.float(), { maxLength: 40 }));
    await fc.assert(
      fc.asyncProperty(arrays, fc.nat(), async (values, seed) => {
        const entries = Object.entries(values).filter(
          ([name]) => name !== "__metadata__" && name !== "__proto__",
        );
        const path = fresh();
        await writeSafetensors(
          path,
          new Map(
            entries.map(([name, v]) => [
              name,
              { dtype: "F32", shape: [v.length], data: Float32Array.from(v) },
            ]),
          ),
        );
        const file = await SafetensorsFile.open(path);
        expect([...file.tensors.keys()].sort()).toEqual(entries.map(([name]) => name).sort());
        for (const [name, v] of entries) {
          expect(await file.read(name)).toEqual(Float32Array.from(v));
          const from = seed % (v.length + 1);
          const part = new Float32Array(v.length - from);
          await file.readInto(name, part, from);
          expect(part).toEqual(Float32Array.from(v.slice(from)));
        }
        await file.close();
      }),
      { numRuns: 30 },
    );
  });

  it("widens every F16 and BF16 value exactly", async () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const halves = new Uint8Array(bits.buffer);
    const path = await rawFile(
      { h: tensor("F16", [65536], 0, 131072), b: tensor("BF16", [65536], 131072, 262144) },
      Buffer.concat([halves, halves]),
    );
    const file = await SafetensorsFile.open(path);
    const fp16 = (await file.read("h")) as Float32Array;
    const bf16 = (await file.read("b")) as Float32Array;
    await file.close();
    // Values from IEEE 754: one, minus two, largest, smallest normal, smallest subnormal, infinity.
    const known = { 15360: 1, 49152: -2, 31743: 65504, 1024: 2 ** -14, 32769: -(2 ** -24), 64512: -Infinity };
    for (const [code, value] of Object.entries(known)) expect(fp16[Number(code)]).toBe(value);
    expect(fp16[0x8000]).toBe(-0);
    expect(fp16[0x7e00]).toBeNaN();
    // A bfloat16 is a float32 whose lower 16 bits are zero.
    const view = new DataView(new ArrayBuffer(4));
    for (let code = 0; code < 65536; code += 17) {
      view.setUint16(0, code);
      expect(bf16[code]).toBe(view.getFloat32(0));
    }
    for (let code = 1; code <= 0x7c00; code++) expect(fp16[code]).toBeGreaterThan(fp16[code - 1]);
  });

  it("reads I64, and refuses conversions that are not exact and ranges outside the tensor", async () => {
    const path = await rawFile(
      { i: tensor("I64", [1], 0, 8), d: tensor("F64", [1], 8, 16) },
      Buffer.from(BigInt64Array.of(-(2n ** 62n), 0n).buffer),
    );
    const file = await SafetensorsFile.open(path);
    expect(await file.read("i")).toEqual(BigInt64Array.of(-(2n ** 62n)));
    await expect(file.read("d")).rejects.toThrow(/F64 cannot be read/);
    await expect(file.readInto("i", new Float32Array(1))).rejects.toThrow(CheckpointError);
    await expect(file.readInto("i", new BigInt64Array(1), 1)).rejects.toThrow(/outside the tensor/);
    await expect(file.read("x")).rejects.toThrow(/no such tensor/);
    await file.close();
  });

  it.each<[string, unknown, number, RegExp]>([
    ["overlap", { a: tensor("F32", [2], 0, 8), b: tensor("F32", [2], 4, 12) }, 12, /overlap/],
    ["the same bytes twice", { a: tensor("F32", [1], 0, 4), b: tensor("F32", [1], 0, 4) }, 4, /overlap/],
    ["a hole", { a: tensor("F32", [1], 4, 8) }, 8, /gap/],
    ["bytes past the file's end", { a: tensor("F32", [2], 0, 8) }, 7, /truncated/],
    ["bytes of no tensor", { a: tensor("F32", [1], 0, 4) }, 8, /no tensor/],
    ["a shape that is not its bytes", { a: tensor("F32", [3], 0, 8) }, 8, /expected: 12 bytes/],
    ["a shape beyond all integers", { a: tensor("F32", [2 ** 40, 2 ** 40], 0, 8) }, 8, /do not match/],
    ["offsets out of order", { a: tensor("F32", [1], 8, 4) }, 8, /do not match/],
    ["a negative offset", { a: tensor("F32", [1], -4, 0) }, 0, /cannot be read/],
    ["an unknown dtype", { a: tensor("F31", [1], 0, 4) }, 4, /F32/],
    ["a header that is not JSON", "{", 0, /cannot be read/],
    ["a header that is not an object", "[]", 0, /cannot be read/],
  ])("refuses %s", async (_, header, bytes, message) => {
    const opening = SafetensorsFile.open(await rawFile(header, new Uint8Array(bytes)));
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toBeInstanceOf(CheckpointError);
  });

  it("refuses a header longer than the file, and a file too short for a header length", async () => {
    const long = fresh();
    await writeFile(long, Buffer.of(255, 255, 255, 255, 255, 255, 255, 255, 123));
    await expect(SafetensorsFile.open(long)).rejects.toThrow(/out of bounds/);
    const short = fresh();
    await writeFile(short, Buffer.of(2, 0, 0));
    await expect(SafetensorsFile.open(short)).rejects.toThrow(/truncated/);
  });
});
