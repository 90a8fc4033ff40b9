import { closeSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { onDiskSync } from "../../checkpoint/disk.js";
import { makeDirectories } from "../../make-directories.js";
import { crc32c } from "./crc32c.js";

/**
 * Writes scalars to an event file that TensorBoard reads: TFRecords of `Event` messages.
 * tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto, tensorflow/core/lib/io/record_writer.h
 */
export class TensorBoardWriter {
  readonly path: string;
  readonly #file: number;

  /**
   * Creates a new event file in `dir`.
   * @param resumedStep the step of the checkpoint from which the run resumes; TensorBoard then ignores later steps in
   * earlier files of the directory
   */
  constructor(dir: string, { resumedStep = 0 }: { resumedStep?: number } = {}) {
    [this.path, this.#file] = onDiskSync("no file can be created here", dir, () => {
      makeDirectories(dir);
      return openNew(dir);
    });
    this.#write(0, string(EVENT.fileVersion, "brain.Event:2"));
    if (resumedStep > 0)
      this.#write(resumedStep + 1, message(EVENT.sessionLog, varintField(SESSION_LOG.status, START)));
  }

  /** Adds one point to each named curve, such as `valid/auc`; values that are not finite are drawn as gaps. */
  scalars(step: number, values: Record<string, number>): void {
    const points = Object.entries(values).map(([tag, value]) =>
      message(SUMMARY.value, Buffer.concat([string(VALUE.tag, tag), float(VALUE.simpleValue, value)])),
    );
    this.#write(step, message(EVENT.summary, Buffer.concat(points)));
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(step: number, what: Buffer): void {
    const time = double(EVENT.wallTime, Date.now() / 1000);
    const bytes = record(Buffer.concat([time, varintField(EVENT.step, step), what]));
    onDiskSync("the file cannot be written", this.path, () => writeSync(this.#file, bytes));
  }
}

const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2 } as const;
const SESSION_LOG = { status: 1 } as const;
const START = 1;

/** TensorBoard reads every file with `tfevents` in its name, in name order. */
function openNew(dir: string): [string, number] {
  const prefix = `events.out.tfevents.${String(Math.floor(Date.now() / 1000)).padStart(10, "0")}`;
  for (let serial = 0; ; serial++) {
    const path = join(dir, `${prefix}.${hostname()}.${process.pid}.${serial}`);
    try {
      return [path, openSync(path, "wx")];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** A TFRecord: length as u64, its checksum, the data, its checksum. All little-endian. */
function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedChecksum(length), data, maskedChecksum(data)]);
}

/** Rotated by 15 bits and offset, because a checksum over data that contains checksums would be weak otherwise. */
function maskedChecksum(bytes: Uint8Array): Buffer {
  const crc = crc32c(bytes);
  const rotated = (crc >>> 15) | (crc << 17);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((rotated + 0xa282ead8) >>> 0);
  return masked;
}

/** Protocol buffers, https://protobuf.dev/programming-guides/encoding: the wire type is the key's lower three bits. */
const WIRE = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;

function key(field: number, wire: number): Buffer {
  return varint((field << 3) | wire);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.of(...bytes, rest);
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([key(field, WIRE.varint), varint(value)]);
}

function message(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([key(field, WIRE.length), varint(bytes.length), bytes]);
}

function string(field: number, text: string): Buffer {
  return message(field, Buffer.from(text));
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, WIRE.fixed64), bytes]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, WIRE.fixed32), bytes]);
}
