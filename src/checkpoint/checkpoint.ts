import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { CheckpointError } from "../errors.js";
import { sha256OfFile } from "./durable.js";
import { DAMAGED_NEXT, decodeManifest, MANIFEST_FILE, type Manifest } from "./manifest.js";
import { SafetensorsFile } from "./safetensors-reader.js";

export const MODEL_FILE = "model.safetensors";
export const OPTIMIZER_FILE = "optimizer.safetensors";

/**
 * A checkpoint whose manifest has been verified: its own checksum, and that each file it lists is there with its
 * size. A file's checksum is verified the first time the file is opened, or at once by {@link verify}.
 */
export class Checkpoint {
  readonly #verified = new Set<string>();

  constructor(
    readonly dir: string,
    readonly manifest: Manifest,
  ) {}

  /** The directory's name, such as `step-00001234`. */
  get name(): string {
    return basename(this.dir);
  }

  /** Trained parameters under their stable names. Close the file when done. @throws CheckpointError when damaged */
  openModel(): Promise<SafetensorsFile> {
    return this.#open(MODEL_FILE);
  }

  /** Optimizer state; the caller closes the file. @throws CheckpointError when damaged */
  openOptimizer(): Promise<SafetensorsFile> {
    return this.#open(OPTIMIZER_FILE);
  }

  /** Reads every file and compares its SHA-256. @throws CheckpointError for the first that differs */
  async verify(): Promise<void> {
    for (const name of Object.keys(this.manifest.files)) await this.#verifyFile(name);
  }

  async #open(name: string): Promise<SafetensorsFile> {
    await this.#verifyFile(name);
    return SafetensorsFile.open(join(this.dir, name));
  }

  async #verifyFile(name: string): Promise<void> {
    if (this.#verified.has(name)) return;
    const path = join(this.dir, name);
    const expected = this.manifest.files[name]?.sha256;
    if (!expected) throw new CheckpointError({ what: "the manifest does not list the file", where: path });
    const got = await sha256OfFile(path).catch((cause) => {
      throw new CheckpointError(
        { what: "a file cannot be read", where: path, got: String(cause) },
        { cause },
      );
    });
    if (got !== expected) {
      throw new CheckpointError({
        what: "the checksum does not match",
        where: path,
        got,
        expected,
        next: DAMAGED_NEXT,
      });
    }
    this.#verified.add(name);
  }
}

/**
 * Opens a checkpoint directory.
 * @param needed the files that must be there; default all: scoring does without the optimizer's
 * @throws CheckpointError when the manifest is missing or does not verify, or a file is missing or of another size
 */
export async function readCheckpoint(dir: string, needed?: readonly string[]): Promise<Checkpoint> {
  const path = join(dir, MANIFEST_FILE);
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new CheckpointError(
      { what: "there is no manifest: this is not a complete checkpoint", where: path, got: String(cause) },
      { cause },
    );
  });
  const manifest = decodeManifest(text, path);
  for (const [name, { bytes }] of Object.entries(manifest.files))
    if (needed?.includes(name) ?? true) await checkSize(join(dir, name), bytes);
  return new Checkpoint(dir, manifest);
}

async function checkSize(path: string, expected: number): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
  if (size === expected) return;
  throw new CheckpointError({
    what:
      size === undefined
        ? "a file of the checkpoint is missing"
        : "a file of the checkpoint has another size",
    where: path,
    got: size === undefined ? "no file" : `${size} bytes`,
    expected: `${expected} bytes`,
    next: DAMAGED_NEXT,
  });
}
