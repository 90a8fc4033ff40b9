import { z } from "zod";
import type { Layout } from "../../features/block.js";

/**
 * A packed split is a directory: three row-major matrices, two or three files per bag, the quarantine, and a manifest with a
 * checksum for every piece of every file. Numbers are little-endian. Described in `docs/data.md`.
 */

export const PACKED_VERSION = 14;

/** Rows between two checksums. */
export const BLOCK_ROWS = 65_536;

/** A number of rows, bytes or columns. */
export const count = z.int().nonnegative();
const names = z.array(z.string()).readonly();

const layoutSchema: z.ZodType<Layout> = z.object({
  ids: names,
  wideIds: names,
  numbers: z.array(z.object({ name: z.string(), offset: count, width: count })).readonly(),
  numbersWidth: count,
  bags: names,
  weighted: names,
  wideBags: names,
});

const fileSchema = z.object({
  /** The size of the file, and the CRC-32 of its consecutive pieces. */
  bytes: count,
  pieces: z.array(z.object({ bytes: count, crc32: count })),
});

export const packedManifestSchema = z.object({
  format: z.literal("pairloom-packed"),
  version: z.literal(PACKED_VERSION),
  rows: count,
  /** Always `rows + quarantined.count + leftOut`. */
  rowsRead: count,
  /** Negative rows that `sampleNegatives` does not keep. */
  leftOut: count,
  quarantined: z.object({ count, reasons: z.record(z.string(), count) }),
  /** By feature, for those that have any: the rows with a missing or an unknown value. */
  absences: z.record(z.string(), z.object({ missing: count, unknown: count })),
  /** Entries of sequences beyond their maximum, by feature. */
  cut: z.record(z.string(), count),
  layout: layoutSchema,
  files: z.record(z.string(), fileSchema),
});

export type PackedManifest = z.output<typeof packedManifestSchema>;
export type PackedFile = z.output<typeof fileSchema>;

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
