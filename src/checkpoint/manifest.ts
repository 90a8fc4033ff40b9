import { createHash } from "node:crypto";
import { z } from "zod";
import { CheckpointError } from "../errors.js";

export const MANIFEST_FILE = "manifest.json";
const FORMAT = "pairloom-checkpoint";
const VERSION = 1;

const count = z.number().int().nonnegative();
const fileSchema = z.strictObject({ bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** What one checkpoint holds. Sections of unknown type belong to the module that wrote them, which parses them. */
const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
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
  /** The other files of the directory. */
  files: z.record(z.string().regex(/^[\w-][\w.-]*$/), fileSchema),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestFile = z.infer<typeof fileSchema>;
/** The part of a manifest that the training loop provides. */
export type ManifestContent = Omit<Manifest, "format" | "version" | "files">;

/** The manifest's text: JSON whose last member is the SHA-256 of the others. The same content gives the same bytes. */
export function encodeManifest(content: ManifestContent, files: Record<string, ManifestFile>): string {
  const { step, epoch, epochStep, seed, reader, trainer, config, features, metrics } = content;
  const head = { format: FORMAT, version: VERSION, step, epoch, epochStep, seed };
  const manifest = { ...head, reader, trainer, config, features, metrics, files };
  const text = JSON.stringify(manifest, refuseLoss);
  return `${JSON.stringify({ ...JSON.parse(text), sha256: sha256(text) }, null, 1)}\n`;
}

/** @param where file named in errors @throws CheckpointError for text that is not a sound manifest of this version */
export function decodeManifest(text: string, where: string): Manifest {
  const { sha256: checksum, ...raw } = parseObject(text, where);
  checkVersion(raw, where);
  if (checksum !== sha256(JSON.stringify(raw))) {
    throw new CheckpointError({ what: "the manifest's checksum does not match", where, next: DAMAGED_NEXT });
  }
  const parsed = manifestSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({ what: "the manifest is malformed", where, got: z.prettifyError(parsed.error) });
}

export const DAMAGED_NEXT = "use another checkpoint of the run: this one is damaged";

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

function checkVersion({ format, version }: Record<string, unknown>, where: string): void {
  if (format === FORMAT && version === VERSION) return;
  throw new CheckpointError({
    what: "this is not a checkpoint that this version reads",
    where,
    got: `format ${JSON.stringify(format)}, version ${JSON.stringify(version)}`,
    expected: `format "${FORMAT}", version ${VERSION}`,
    next: format === FORMAT ? "read it with the Pairloom release that wrote it" : undefined,
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
