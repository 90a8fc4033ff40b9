import { mkdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Ids } from "../../columns/columns.js";
import type { AbsenceCounts } from "../../features/absences.js";
import { Block, type Layout, offsetsOf } from "../../features/block.js";
import type { EntryCounts } from "../../features/sequence-notes.js";
import { writeCheckedJson } from "./checked-json.js";
import {
  BLOCK_ROWS,
  bagOffsetsFile,
  bagValuesFile,
  bagWeightsFile,
  IDS_FILE,
  NUMBERS_FILE,
  PACKED_VERSION,
  type PackedFile,
  type PackedManifest,
  WIDE_IDS_FILE,
} from "./packed-format.js";
import { Quarantine } from "./quarantine.js";

/** Writes one split in the packed format: one block is filled while the previous one is written to the files. */
export class PackedWriter {
  readonly quarantine: Quarantine;
  rows = 0;
  private readonly absences: AbsenceCounts = {};
  private readonly cut: EntryCounts = {};
  /** Rows of the split that are not packed. */
  leftOut = 0;
  private block: Block;
  /** The block that is being written or was written last. */
  private full: Block | undefined;
  private writing = Promise.resolve();
  private readonly files = new Map<string, OutputFile>();
  /** Values written per bag so far. */
  private readonly bagLengths: number[];

  constructor(
    readonly directory: string,
    readonly layout: Layout,
  ) {
    mkdirSync(directory, { recursive: true });
    this.quarantine = new Quarantine(join(directory, "quarantine.jsonl"));
    this.block = new Block(layout, BLOCK_ROWS);
    this.bagLengths = layout.bags.map(() => 0);
  }

  get rowsRead(): number {
    return this.rows + this.quarantine.count + this.leftOut;
  }

  /** Appends rows `[start, end)` of a block of the same layout. */
  async append(source: Block, start: number, end: number): Promise<void> {
    source.absences.countInto(this.absences, start, end);
    source.sequences.countInto(this.cut, start, end);
    for (let from = start; from < end; ) {
      const to = Math.min(end, from + this.block.capacity - this.block.rows);
      this.block.append(source, from, to);
      this.rows += to - from;
      from = to;
      if (this.block.rows === this.block.capacity) await this.flush();
    }
  }

  /** Closes the files and writes the manifest, last. */
  async finish(): Promise<void> {
    if (this.block.rows > 0 || this.rows === 0) await this.flush();
    await this.writing;
    await this.quarantine.close();
    for (const file of this.files.values()) await file.close();
    writeCheckedJson(join(this.directory, "manifest.json"), this.manifest());
  }

  /** Closes all files after a failure. */
  async abandon(): Promise<void> {
    await this.writing.catch(() => {});
    await this.quarantine.close().catch(() => {});
    for (const file of this.files.values()) await file.close();
  }

  private manifest(): PackedManifest {
    const { count, reasons } = this.quarantine;
    const files = Object.fromEntries([...this.files].map(([name, file]) => [name, file.summary]));
    return {
      format: "pairloom-packed",
      version: PACKED_VERSION,
      rows: this.rows,
      rowsRead: this.rowsRead,
      leftOut: this.leftOut,
      quarantined: { count, reasons },
      absences: this.absences,
      cut: this.cut,
      layout: this.layout,
      files,
    };
  }

  /** Starts writing the block, after the previous one has been written. */
  private async flush(): Promise<void> {
    await this.writing;
    const full = this.block;
    this.block = this.full ?? new Block(this.layout, BLOCK_ROWS);
    this.full = full;
    this.writing = this.writeBlock(full);
    // Whoever awaits the block gets the error.
    this.writing.catch(() => {});
  }

  private async writeBlock(block: Block): Promise<void> {
    const { rows, ids, wideIds, numbers, bags } = block;
    await this.write(IDS_FILE, ids.subarray(0, rows * this.layout.ids.length));
    const wide = this.layout.wideIds.length;
    if (wide > 0) await this.write(WIDE_IDS_FILE, wideIds.subarray(0, rows * wide));
    await this.write(NUMBERS_FILE, numbers.subarray(0, rows * this.layout.numbersWidth));
    for (const [i, name] of this.layout.bags.entries()) {
      const { values, weights, ends, length } = bags[i];
      await this.write(bagValuesFile(this.layout, name), values.subarray(0, length));
      if (weights) await this.write(bagWeightsFile(name), weights.subarray(0, length));
      const offsets = offsetsOf(ends.subarray(0, rows), this.bagLengths[i]);
      const isFirst = !this.files.has(bagOffsetsFile(name));
      await this.write(bagOffsetsFile(name), isFirst ? offsets : offsets.subarray(1));
      this.bagLengths[i] += length;
    }
    block.clear();
  }

  private async write(name: string, data: Ids | Float32Array | BigUint64Array): Promise<void> {
    let file = this.files.get(name);
    if (!file) {
      file = await OutputFile.create(join(this.directory, name));
      this.files.set(name, file);
    }
    if (data.length > 0) await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}

/** A file that is written in pieces with checksums. */
class OutputFile {
  readonly summary: PackedFile = { bytes: 0, pieces: [] };

  private constructor(private readonly handle: FileHandle) {}

  static async create(path: string): Promise<OutputFile> {
    return new OutputFile(await open(path, "w"));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) at += (await this.handle.write(bytes, at)).bytesWritten;
    this.summary.bytes += bytes.length;
    this.summary.pieces.push({ bytes: bytes.length, crc32: crc32(bytes) });
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
