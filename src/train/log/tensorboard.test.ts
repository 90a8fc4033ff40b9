import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crc32c } from "./crc32c.js";
import { TensorBoardWriter } from "./tensorboard.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tensorboard-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("crc32c", () => {
  it("gives the published values", () => {
    // The check value of the CRC catalogue, then RFC 3720 appendix B.4.
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array())).toBe(0);
  });
});

/** Undoes the mask of record_writer.h: rotate right by 15, add the constant. */
function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

function readRecords(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(unmask(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(unmask(bytes.readUInt32LE(at + 12 + length))).toBe(crc32c(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** A protobuf decoder of its own: field number to values, nested messages left as bytes. */
function fields(bytes: Buffer): Map<number, (number | Buffer)[]> {
  const found = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  const skip = (length: number) => {
    at += length;
    return at - length;
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key % 8;
    let value: number | Buffer;
    if (wire === 0) value = varint();
    else if (wire === 1) value = bytes.readDoubleLE(skip(8));
    else if (wire === 5) value = bytes.readFloatLE(skip(4));
    else {
      const length = varint();
      const start = skip(length);
      value = bytes.subarray(start, start + length);
    }
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
  }
  return found;
}

const eventsOf = (path: string) => readRecords(readFileSync(path)).map(fields);

describe("TensorBoardWriter", () => {
  it("writes a version event, then one event of scalars a call", () => {
    const before = Date.now() / 1000;
    const writer = new TensorBoardWriter(dir);
    writer.scalars(2 ** 40 + 5, { "valid/auc": 0.75, "valid/logLoss": Number.NaN });
    writer.close();
    const [version, summary, ...rest] = eventsOf(writer.path);
    expect(rest).toEqual([]);
    expect(String(version.get(3))).toBe("brain.Event:2");
    expect(summary.get(1)![0]).toBeGreaterThanOrEqual(before);
    expect(summary.get(2)).toEqual([2 ** 40 + 5]);
    const values = fields(summary.get(5)![0] as Buffer)
      .get(1)!
      .map((value) => fields(value as Buffer));
    expect(values.map((value) => String(value.get(1)))).toEqual(["valid/auc", "valid/logLoss"]);
    expect(values.map((value) => value.get(2)![0])).toEqual([0.75, Number.NaN]);
  });

  it("marks a resume, so that later steps of the earlier file are dropped", () => {
    const first = new TensorBoardWriter(dir);
    first.close();
    const second = new TensorBoardWriter(dir, { resumedStep: 300 });
    second.close();
    expect(readdirSync(dir)).toHaveLength(2);
    const [, start] = eventsOf(second.path);
    expect(start.get(2)).toEqual([301]);
    expect(fields(start.get(7)![0] as Buffer).get(1)).toEqual([1]);
  });
});
