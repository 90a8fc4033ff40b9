import { createHash } from "node:crypto";
import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { version as program } from "../version.js";
import { checkTables, fileNameSchema, sha256Schema, tablesSchema } from "./table-layout.js";

export const MANIFEST_FILE = "manifest.json";
const FORMAT = "pairloom-checkpoint";
const VERSION = 2;

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const fileSchema = z.strictObject({
  bytes: count,
  /** Of the bytes that no range of a table has: every byte of a checkpoint has one checksum that vouches for it. */
  sha256: sha256Schema,
});

/** What every format has. Sections of unknown type belong to the module that wrote them, which parses them. */
const contentShape = {
  /** Training steps done. */
  step: count,
  /** Epochs completed before the current one. */
  epoch: count,
  /** Steps done in the current epoch. */
  epochStep: count,
  /** Every random draw follows from the seed, a stream, a step and an index: there is no other random state. */
  seed: count,
  /** Where the data reader goes on. */
  reader: z.unknown(),
  /** State of the learning-rate schedule, of early stopping and of whatever else the loop carries from step to step. */
  trainer: z.unknown(),
  /** The resolved config. */
  config: z.unknown(),
  /** The fitted features. */
  features: z.unknown(),
  /** Metrics measured at this step; those that are undefined are left out. */
  metrics: z.record(z.string(), z.number()),
};

/** The other files of the directory. */
const filesSchema = z.record(fileNameSchema, fileSchema);

/** What one checkpoint holds. */
const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  /** The version of the program that wrote it; nothing here says when or where. */
  writer: z.string().min(1),
  ...contentShape,
  /** How the run cuts its batches (passes/geometry.ts): the order of every sum follows from it. */
  geometry: z.strictObject({ batch: positive, tileRows: positive, groups: positive }).optional(),
  /** The checkpoint that this one only says the changes since; absent: it is whole. */
  base: z.strictObject({ checkpoint: fileNameSchema, step: count, sha256: sha256Schema }).optional(),
  /** Embedding tables, whose rows may lie in several files; all other parameters are in the two files of tensors. */
  tables: tablesSchema,
  files: filesSchema,
});

/** Format 1 has tables as tensors among the others, each file with one checksum. */
const firstSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  ...contentShape,
  files: filesSchema,
});

export type Manifest = Omit<z.infer<typeof manifestSchema>, "version" | "writer"> & {
  readonly version: number;
  /** Absent in format 1. */
  readonly writer?: string;
};
export type ManifestFile = z.infer<typeof fileSchema>;
/** The part of a manifest that the training loop provides. */
export type ManifestContent = Omit<Manifest, "format" | "version" | "writer" | "base" | "tables" | "files">;
/** What the files have. */
export type ManifestFiles = Pick<Manifest, "tables" | "files">;

/** The manifest's text: JSON whose last member is the SHA-256 of the others. The same content gives the same bytes. */
export function encodeManifest(content: ManifestContent, { tables, files }: ManifestFiles): string {
  const { step, epoch, epochStep, seed, reader, trainer, config, features, metrics, geometry } = content;
  const head = { format: FORMAT, version: VERSION, writer: program, step, epoch, epochStep, seed };
  const manifest = { ...head, reader, trainer, config, features, metrics, geometry, tables, files };
  const text = JSON.stringify(manifest, refuseLoss);
  return `${JSON.stringify({ ...JSON.parse(text), sha256: sha256(text) }, null, 1)}\n`;
}

/** @param where file named in errors @throws CheckpointError for text that is not a sound manifest of a known format */
export function decodeManifest(text: string, where: string): Manifest {
  const { sha256: checksum, ...raw } = parseObject(text, where);
  checkVersion(raw, where);
  if (checksum !== sha256(JSON.stringify(raw))) {
    throw new CheckpointError({ what: "the manifest's checksum does not match", where, next: DAMAGED_NEXT });
  }
  const parsed = (raw.version === 1 ? firstSchema : manifestSchema).safeParse(raw);
  if (!parsed.success)
    throw new CheckpointError({
      what: "the manifest is malformed",
      where,
      got: z.prettifyError(parsed.error),
    });
  const manifest: Manifest = { tables: [], ...parsed.data };
  checkTables(manifest.tables, manifest.files, where);
  return manifest;
}

export const DAMAGED_NEXT = "Use another checkpoint of the run: this one is damaged.";

function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError({ what: "the manifest is not JSON", where, next: DAMAGED_NEXT }, { cause });
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new CheckpointError({ what: "the manifest is not a JSON object", where, next: DAMAGED_NEXT });
}

function checkVersion({ format, version, writer }: Record<string, unknown>, where: string): void {
  if (format === FORMAT && (version === 1 || version === VERSION)) return;
  const known = format === FORMAT;
  const by = typeof writer === "string" ? ` (written by Pairloom ${writer})` : "";
  throw new CheckpointError({
    what: "this is not a checkpoint that this version reads",
    where,
    got: `format ${JSON.stringify(format)}, version ${JSON.stringify(version)}${by}`,
    expected: `format "${FORMAT}", version 1 to ${VERSION}; this is Pairloom ${program}`,
    next: known ? "Read it with the Pairloom release that wrote it, or a newer one." : undefined,
  });
}

/** JSON writes NaN, infinities and functions as null or nothing at all; a checkpoint must not lose state silently. */
function refuseLoss(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw lossy(key, String(value));
  if (typeof value === "function" || typeof value === "bigint") throw lossy(key, typeof value);
  return value;
}

function lossy(key: string, got: string): CheckpointError {
  return new CheckpointError({
    what: "a checkpoint's state is not JSON",
    where: key,
    got,
    expected: "finite numbers, strings, booleans, null, arrays and objects",
  });
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
