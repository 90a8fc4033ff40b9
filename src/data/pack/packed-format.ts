import type { AbsenceCounts } from "../../features/absences.js";
import type { Layout } from "../../features/block.js";

/**
 * A packed split is a directory: three row-major matrices, two or three files per bag, the quarantine, and a manifest with a
 * checksum for every piece of every file. Numbers are little-endian. Described in `docs/data.md`.
 */

export const PACKED_VERSION = 11;

/** Rows between two checksums. */
export const BLOCK_ROWS = 65_536;

export interface PackedManifest {
  readonly format: "pairloom-packed";
  readonly version: number;
  readonly rows: number;
  /** Always `rows + quarantined.count + leftOut`. */
  readonly rowsRead: number;
  /** Negative rows that `sampleNegatives` does not keep. */
  readonly leftOut: number;
  readonly quarantined: { readonly count: number; readonly reasons: Readonly<Record<string, number>> };
  /** By feature, for those that have any: the rows with a missing or an unknown value. */
  readonly absences: AbsenceCounts;
  readonly layout: Layout;
  readonly files: Readonly<Record<string, PackedFile>>;
}

/** Size of a file, and the CRC-32 of its consecutive pieces. */
export interface PackedFile {
  bytes: number;
  pieces: { bytes: number; crc32: number }[];
}

/** `[rows, F]` i32. */
export const IDS_FILE = "ids.i32";
/** `[rows, L]` i64: the ids of tables with more than 2^31 rows; absent if there are none. */
export const WIDE_IDS_FILE = "ids.i64";
/** `[rows, W]` fp32. */
export const NUMBERS_FILE = "dense.f32";
/** `[values]` i32 or i64. */
export const bagValuesFile = ({ wideBags }: Layout, name: string) =>
  `${name}.values.${wideBags.includes(name) ? "i64" : "i32"}`;
/** `[values]` fp32, of weighted bags. */
export const bagWeightsFile = (name: string) => `${name}.weights.f32`;
/** `[rows + 1]` u64. */
export const bagOffsetsFile = (name: string) => `${name}.offsets.u64`;
