import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { BagColumn, Column, ColumnSet, Ids } from "../../columns/columns.js";
import type { AbsenceCounts } from "../../features/absences.js";
import { columnsOf } from "../../features/block.js";
import type { EntryCounts } from "../../features/sequence-notes.js";
import { ownValue } from "../../own-value.js";
import { damaged, readCheckedJson } from "./checked-json.js";
import { mapFile } from "./map-file.js";
import {
  bagOffsetsFile,
  bagValuesFile,
  bagWeightsFile,
  IDS_FILE,
  NUMBERS_FILE,
  type PackedManifest,
  packedManifestSchema,
  WIDE_IDS_FILE,
} from "./packed-format.js";

/** A split ready for training: its columns are views of mapped files. */
export class PackedDataset implements ColumnSet {
  readonly rows: number;
  readonly fingerprint: string;
  /** Rows of the source for this split: always `rows + quarantined + leftOut`. */
  readonly rowsRead: number;
  /** Negative rows that `sampleNegatives` does not keep. */
  readonly leftOut: number;
  /** Rows read and refused. */
  readonly quarantined: number;
  /** Refused rows by reason, such as `@label: missing value`. */
  readonly reasons: Readonly<Record<string, number>>;
  /** By feature, for those that have any: the rows with a missing or an unknown value. */
  readonly absences: AbsenceCounts;
  /** Entries of sequences beyond their maximum, by feature. */
  readonly cut: EntryCounts;
  /** JSON lines, one per refused row. */
  readonly quarantinePath: string;
  readonly columns: ReadonlyMap<string, Column>;

  private constructor(
    readonly directory: string,
    manifest: PackedManifest,
    /** True if an earlier run packed it. */
    readonly fromCache: boolean,
  ) {
    this.rows = manifest.rows;
    this.fingerprint = createHash("sha256").update(JSON.stringify(manifest.files)).digest("hex").slice(0, 16);
    this.rowsRead = manifest.rowsRead;
    this.leftOut = manifest.leftOut;
    this.quarantined = manifest.quarantined.count;
    this.reasons = manifest.quarantined.reasons;
    this.absences = manifest.absences;
    this.cut = manifest.cut;
    this.quarantinePath = join(directory, "quarantine.jsonl");
    const { layout, rows } = manifest;
    const map = (name: string, bytes: number) => mapVerified(directory, name, manifest, bytes);
    const bags = layout.bags.map((name) => bagOf(directory, name, manifest));
    const wideIds =
      layout.wideIds.length > 0 ? map(WIDE_IDS_FILE, 8 * rows * layout.wideIds.length) : NOTHING;
    const ids = [idsIn(map(IDS_FILE, 4 * rows * layout.ids.length), false), idsIn(wideIds, true)] as const;
    const numbers = new Float32Array(map(NUMBERS_FILE, 4 * rows * layout.numbersWidth));
    this.columns = columnsOf(layout, ids, numbers, bags);
  }

  /** @throws DataError if a file is missing or damaged */
  static open(directory: string, fromCache: boolean): PackedDataset {
    return new PackedDataset(directory, readManifest(directory), fromCache);
  }
}

const NOTHING = new ArrayBuffer(0);

function bagOf(directory: string, name: string, manifest: PackedManifest): Omit<BagColumn, "kind"> {
  const { layout, rows } = manifest;
  const map = (file: string, bytes: number) => mapVerified(directory, file, manifest, bytes);
  const isWide = layout.wideBags.includes(name);
  const offsets = new BigUint64Array(map(bagOffsetsFile(name), 8 * (rows + 1)));
  // Values beyond 2^53 cannot be: the file of the ids is compared with the last offset.
  const ids = Number(offsets[rows]);
  if (!areAscending(offsets))
    throw damaged(join(directory, bagOffsetsFile(name)), "offsets that do not ascend from 0");
  return {
    values: idsIn(map(bagValuesFile(layout, name), (isWide ? 8 : 4) * ids), isWide),
    offsets,
    ...(layout.weighted.includes(name) && { weights: new Float32Array(map(bagWeightsFile(name), 4 * ids)) }),
  };
}

/** As pairs of 32-bit words, because one BigInt per offset is slow. */
function areAscending(offsets: BigUint64Array): boolean {
  const words = new Uint32Array(offsets.buffer, offsets.byteOffset, 2 * offsets.length);
  let last = 0;
  for (let i = 0; i < words.length; i += 2) {
    const offset = words[i] + words[i + 1] * 2 ** 32;
    if (offset < last) return false;
    last = offset;
  }
  return words[0] === 0 && words[1] === 0;
}

function idsIn(buffer: ArrayBuffer, wide: boolean): Ids {
  return wide ? new BigInt64Array(buffer) : new Int32Array(buffer);
}

function readManifest(directory: string): PackedManifest {
  const path = join(directory, "manifest.json");
  const manifest = readCheckedJson(path, packedManifestSchema);
  const { numbers, numbersWidth } = manifest.layout;
  if (numbers.every(({ offset, width }) => offset + width <= numbersWidth)) return manifest;
  throw damaged(path, "numbers beyond their matrix");
}

/** @param expected the size that follows from the layout */
function mapVerified(
  directory: string,
  name: string,
  { files }: PackedManifest,
  expected: number,
): ArrayBuffer {
  const path = join(directory, name);
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  const pieces = ownValue(files, name)?.pieces ?? [];
  const written = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
  if (bytes !== expected || bytes !== written)
    throw damaged(path, `${bytes ?? "no"} bytes where ${expected} were written`);
  const buffer = mapFile(path);
  let at = 0;
  for (const piece of pieces) {
    if (crc32(new Uint8Array(buffer, at, piece.bytes)) !== piece.crc32)
      throw damaged(path, `a wrong checksum for bytes ${at} to ${at + piece.bytes}`);
    at += piece.bytes;
  }
  return buffer;
}
