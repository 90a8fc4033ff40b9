import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Column, ColumnSet, Ids } from "../../columns/columns.js";
import type { AbsenceCounts } from "../../features/absences.js";
import { columnsOf } from "../../features/block.js";
import { damaged, readCheckedJson } from "./checked-json.js";
import { mapFile } from "./map-file.js";
import {
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
    this.quarantinePath = join(directory, "quarantine.jsonl");
    const map = (name: string) => mapVerified(directory, name, manifest.files[name]);
    const { layout } = manifest;
    const bags = layout.bags.map((name) => ({
      values: idsIn(map(bagValuesFile(layout, name)), layout.wideBags.includes(name)),
      offsets: new BigUint64Array(map(bagOffsetsFile(name))),
      ...(layout.weighted.includes(name) && {
        weights: new Float32Array(map(bagWeightsFile(name))),
      }),
    }));
    const wideIds = layout.wideIds.length > 0 ? map(WIDE_IDS_FILE) : new ArrayBuffer(0);
    const ids = [idsIn(map(IDS_FILE), false), idsIn(wideIds, true)] as const;
    const numbers = new Float32Array(map(NUMBERS_FILE));
    this.columns = columnsOf(layout, ids, numbers, bags);
  }

  /** @throws DataError if a file is missing or damaged */
  static open(directory: string, fromCache: boolean): PackedDataset {
    return new PackedDataset(directory, readManifest(directory), fromCache);
  }
}

function idsIn(buffer: ArrayBuffer, wide: boolean): Ids {
  return wide ? new BigInt64Array(buffer) : new Int32Array(buffer);
}

function readManifest(directory: string): PackedManifest {
  const path = join(directory, "manifest.json");
  const manifest = readCheckedJson(path) as PackedManifest;
  if (manifest.format === "pairloom-packed" && manifest.version === PACKED_VERSION) return manifest;
  throw damaged(path, `format ${manifest.format}, version ${manifest.version}`);
}

function mapVerified(directory: string, name: string, file: PackedFile): ArrayBuffer {
  const path = join(directory, name);
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (bytes !== file.bytes) throw damaged(path, `${bytes ?? "no"} bytes where ${file.bytes} were written`);
  const buffer = mapFile(path);
  let at = 0;
  for (const piece of file.pieces) {
    if (crc32(new Uint8Array(buffer, at, piece.bytes)) !== piece.crc32)
      throw damaged(path, `a wrong checksum for bytes ${at} to ${at + piece.bytes}`);
    at += piece.bytes;
  }
  return buffer;
}
