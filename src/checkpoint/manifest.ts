import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { z } from "zod";
import { CheckpointError, messageOf } from "../errors.js";
import { showValue } from "../show-value.js";
import { membersOf, parseUntrusted } from "../untrusted.js";
import { version as program } from "../version.js";
import { checkTables } from "./check-tables.js";
import { UnsupportedError } from "./disk.js";
import { stepOfName } from "./paths.js";
import { fileNameSchema, sha256Schema, tablesSchema } from "./table-layout.js";

export const MANIFEST_FILE = "manifest.json";
const FORMAT = "pairloom-checkpoint";
const VERSION = 2;
/** Far more than one for each process of a large run. */
const MOST_FILES = 2 ** 14;

const MOST_MEMBERS = 2 ** 10;

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const fileSchema = z.strictObject({
  bytes: count,
  /** Covers the bytes outside table ranges. Every byte of a checkpoint is covered by exactly one checksum. */
  sha256: sha256Schema,
});

const writerSchema = z.string().regex(/^[\w.+-]{1,64}$/);

/** Far more steps than any run makes, and few enough to count on from there. */
const MOST_STEPS = 2 ** 48;

/** Members of every format. The module that wrote a section of unknown type parses it. */
const contentShape = {
  /** Training steps done. */
  step: count.max(MOST_STEPS),
  /** Epochs completed before the current one. */
  epoch: count,
  /** Steps done in the current epoch. */
  epochStep: count,
  /** Every random draw depends only on the seed, a stream, a step and an index; there is no other random state. */
  seed: count,
  /** The position of the data reader. */
  reader: z.unknown(),
  /** State that the loop carries between steps, such as learning-rate schedules and early stopping. */
  trainer: z.unknown(),
  /** The resolved config. */
  config: z.unknown(),
  /** The fitted features. */
  features: z.unknown(),
  /** Metrics measured at this step; undefined ones are omitted. */
  metrics: z.record(z.string(), z.number()),
};

/** The other files of the directory. */
const filesSchema = membersOf(fileNameSchema, fileSchema, MOST_FILES);

/** The content of a checkpoint. */
const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  /** The version of the program that wrote it. No time or host is stored. */
  writer: writerSchema,
  ...contentShape,
  /** The members whose mean the model is (train/members.ts), with the step of each; absent for a model without members. */
  members: z
    .array(z.strictObject({ seed: count, step: count }))
    .min(1)
    .max(MOST_MEMBERS)
    .optional(),
  /** How the run divides batches (passes/geometry.ts); this determines the order of every sum. */
  geometry: z.strictObject({ batch: positive, tileRows: positive, groups: positive }).optional(),
  /** The stretch of new rows that the run trained on last, from 1; absent in the first training (`train --continue`). */
  stretch: positive.optional(),
  /** How the tables of a bundle are stored (passes/store-tables.ts); absent: as they were trained. */
  storage: z.enum(["fp16", "bf16", "int8", "int4"]).optional(),
  /** The checkpoint that this one stores changes to; absent for a complete checkpoint. */
  base: z.strictObject({ checkpoint: fileNameSchema, step: count, sha256: sha256Schema }).optional(),
  /** Embedding tables, whose rows may be in several files. All other parameters are in the two tensor files. */
  tables: tablesSchema,
  files: filesSchema,
});

/** In format 1, tables are ordinary tensors, and each file has one checksum. */
const firstSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  ...contentShape,
  files: filesSchema,
});

export type Manifest = Omit<z.infer<typeof manifestSchema>, "version" | "writer"> & {
  readonly version: number;
  /** Of all members above. */
  readonly sha256: string;
  /** Absent in format 1. */
  readonly writer?: string;
};
export type ManifestFile = z.infer<typeof fileSchema>;
/** The part of a manifest that the training loop provides. */
export type ManifestContent = Omit<
  Manifest,
  "format" | "version" | "writer" | "sha256" | "base" | "tables" | "files"
>;
/** The part of a manifest that describes the files. */
export type ManifestFiles = Pick<Manifest, "base" | "tables" | "files">;

/** Encodes a manifest as JSON whose last member is the SHA-256 of the others. Equal content gives equal bytes. */
export function encodeManifest(content: ManifestContent, { base, tables, files }: ManifestFiles): string {
  const { step, epoch, epochStep, seed, reader, trainer, config, features, metrics } = content;
  const { members, geometry, stretch, storage } = content;
  const head = { format: FORMAT, version: VERSION, writer: program, step, epoch, epochStep, seed };
  const state = { reader, trainer, config, features, metrics, members, geometry, stretch, storage };
  const manifest = { ...head, ...state, base, tables, files };
  const text = JSON.stringify(manifest, refuseLoss);
  return `${JSON.stringify({ ...JSON.parse(text), sha256: sha256(text) }, null, 1)}\n`;
}

/**
 * @param where file name for errors
 * @throws CheckpointError if the text is not a valid manifest of a supported format
 */
export function decodeManifest(text: string, where: string): Manifest {
  const { sha256: checksum, ...raw } = parseObject(text, where);
  checkVersion(raw, where);
  const actual = sha256(JSON.stringify(raw));
  if (checksum !== actual) {
    throw new CheckpointError({ what: "the manifest's checksum does not match", where, next: DAMAGED_NEXT });
  }
  const parsed = (raw.version === 1 ? firstSchema : manifestSchema).safeParse(raw);
  if (!parsed.success)
    throw new CheckpointError({
      what: "the manifest is malformed",
      where,
      got: z.prettifyError(parsed.error),
      next: "Use another checkpoint of the run: this one was written incorrectly.",
    });
  const manifest: Manifest = { tables: [], ...parsed.data, sha256: actual };
  checkSteps(manifest, where);
  checkTables(manifest.tables, manifest.files, manifest.base !== undefined, where);
  return manifest;
}

export const DAMAGED_NEXT = "Use another checkpoint of the run: this one is damaged.";

function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseUntrusted(text);
  } catch (cause) {
    const report = { what: "the manifest is not JSON", where, got: messageOf(cause), next: DAMAGED_NEXT };
    throw new CheckpointError(report, { cause });
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new CheckpointError({ what: "the manifest is not a JSON object", where, next: DAMAGED_NEXT });
}

/**
 * An epoch has a step or more, and the name of a run's checkpoint has its step.
 * @throws CheckpointError
 */
function checkSteps({ step, epoch, epochStep }: Manifest, where: string): void {
  const named = stepOfName(basename(dirname(where)));
  if (named !== undefined && step !== named)
    throw wrongSteps(`${where}: step`, step, `${named}, as its directory says`);
  const most = `at most ${step}, the steps done`;
  if (epoch > step) throw wrongSteps(`${where}: epoch`, epoch, most);
  if (epochStep > step) throw wrongSteps(`${where}: epochStep`, epochStep, most);
}

const wrongSteps = (where: string, got: number, expected: string): CheckpointError =>
  new CheckpointError({
    what: "the steps that the manifest states do not fit each other",
    where,
    got: String(got),
    expected,
    next: DAMAGED_NEXT,
  });

function checkVersion({ format, version, writer }: Record<string, unknown>, where: string): void {
  if (format === FORMAT && (version === 1 || version === VERSION)) return;
  const newer = format === FORMAT && Number.isInteger(version) && (version as number) > VERSION;
  const by = writerSchema.safeParse(writer).data;
  const report = {
    what: "this version cannot read the checkpoint",
    where,
    got: `format ${showValue(format)}, version ${showValue(version)}${by ? ` (written by Pairloom ${by})` : ""}`,
    expected: `format "${FORMAT}", version 1 to ${VERSION}; this is Pairloom ${program}`,
  };
  if (newer) throw new UnsupportedError({ ...report, next: nextForWriter(by) });
  throw new CheckpointError({ ...report, next: DAMAGED_NEXT });
}

/** The next step for a format that this version cannot read. */
export const nextForWriter = (writer = "in its newest release"): string =>
  `Install Pairloom ${writer}, which can read it: this is ${program}.`;

/** JSON turns NaN, infinities and functions into null or drops them; a checkpoint must not lose state silently. */
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
