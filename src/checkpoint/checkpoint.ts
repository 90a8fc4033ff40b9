import { basename, dirname, join } from "node:path";
import { CheckpointError } from "../errors.js";
import { checkBase, isDelta, withoutBase } from "./chain.js";
import { type Changes, openChanges } from "./changes.js";
import { isAbsent, isDamage, readText, sizeOf, unlessAbsent } from "./disk.js";
import { outside, type Stretch, sha256OfFiles } from "./file-bytes.js";
import { LayeredTables } from "./layered-tables.js";
import { DAMAGED_NEXT, decodeManifest, MANIFEST_FILE, type Manifest } from "./manifest.js";
import { SafetensorsFile } from "./safetensors-reader.js";
import { SparseTables } from "./sparse-tables.js";
import {
  deletedName,
  keysName,
  type Range,
  rangesOf,
  rangesWithKeys,
  type Table,
  type TableNumbers,
} from "./table-layout.js";
import { TableReader } from "./table-reader.js";
import { JoinedTensors, type Tensors } from "./tensors.js";

export const MODEL_FILE = "model.safetensors";
export const OPTIMIZER_FILE = "optimizer.safetensors";

/** The parts of a checkpoint. Scoring needs only the model. */
export type Part = "model" | "optimizer";
export const PARTS: readonly Part[] = ["model", "optimizer"];
const PART_FILES = { model: MODEL_FILE, optimizer: OPTIMIZER_FILE } as const;

/**
 * A checkpoint with a verified manifest: its checksum is correct, and every listed file exists with its size. Checksums
 * of files are verified when a part is first opened, or by {@link verify}.
 */
export class Checkpoint {
  readonly #verified = new Set<string>();
  /** The ranges of tables, by file. */
  readonly #ranges = new Map<string, Range[]>();

  /** @param base the checkpoint that this one holds changes to; none for a complete one */
  constructor(
    readonly dir: string,
    readonly manifest: Manifest,
    readonly base?: Checkpoint,
  ) {
    for (const name of Object.keys(manifest.files)) this.#ranges.set(name, []);
    for (const range of manifest.tables.flatMap(rangesOf)) this.#ranges.get(range.file)?.push(range);
  }

  /** The directory's name, such as `step-00001234`. */
  get name(): string {
    return basename(this.dir);
  }

  /** This checkpoint and those that it is based on, from the complete one on. */
  get chain(): readonly Checkpoint[] {
    const chain: Checkpoint[] = [];
    for (let next: Checkpoint | undefined = this; next; next = next.base) chain.unshift(next);
    return chain;
  }

  /**
   * Trained parameters by name; the caller closes them.
   * @throws CheckpointError when damaged
   */
  openModel(): Promise<Tensors> {
    return this.#open("model");
  }

  /**
   * Optimizer state; the caller closes it.
   * @throws CheckpointError when damaged
   */
  openOptimizer(): Promise<Tensors> {
    return this.#open("optimizer");
  }

  /**
   * What a checkpoint of changes has itself.
   * @throws CheckpointError when damaged
   */
  async openChanges(): Promise<Changes> {
    await this.#verifyPart("model");
    return openChanges(this.dir, join(this.dir, MODEL_FILE), this.manifest.tables);
  }

  /**
   * Reads every file, also of those that this one is based on, and compares checksums.
   * @throws CheckpointError for the first that differs
   */
  async verify(): Promise<void> {
    for (const checkpoint of this.chain) await checkpoint.#verifyOwn();
  }

  async #verifyOwn(): Promise<void> {
    const { files, tables } = this.manifest;
    const ranges = tables.flatMap((table) =>
      rangesOf(table).map((range) => this.#checkOfRange(range, table.name)),
    );
    await this.#verifyAll([...Object.keys(files).map((name) => this.#checkOfRest(name)), ...ranges]);
  }

  /** Marks every byte as verified, because this process has just written and synced it. */
  trust(): this {
    for (const name of Object.keys(this.manifest.files)) this.#verified.add(name);
    for (const range of this.manifest.tables.flatMap(rangesOf)) this.#verified.add(keyOf(range));
    return this;
  }

  async #open(part: Part): Promise<Tensors> {
    const { chain } = this;
    for (const checkpoint of chain) await checkpoint.#verifyPart(part);
    const file = await SafetensorsFile.open(join(this.dir, PART_FILES[part]));
    if (this.manifest.tables.length === 0) return file;
    const parts = chain.map(({ dir, manifest: { tables } }) => ({
      dir,
      tables: new Map(tables.map((table) => [table.name, table])),
      reader: new TableReader(dir),
    }));
    try {
      const tables = await LayeredTables.open(parts, (table) => numbersOf(part, table), file);
      const ofFile = new Set(this.manifest.tables.flatMap(namesOfKeys));
      return new JoinedTensors([new SparseTables(tables, this.dir), file], this.dir, ofFile);
    } catch (error) {
      for (const { reader } of parts) await reader.close();
      await file.close();
      throw error;
    }
  }

  /** Verifies the bytes that the part needs, with the keys of tables. */
  async #verifyPart(part: Part): Promise<void> {
    const rest = [...filesOf(part, this.manifest)].map((name) => this.#checkOfRest(name));
    const ranges = this.manifest.tables.flatMap((table) =>
      rangesOfPart(part, table).map((range) => this.#checkOfRange(range, table.name)),
    );
    await this.#verifyAll([...rest, ...ranges]);
  }

  /** The contents of a file outside the ranges of tables. */
  #checkOfRest(name: string): Check {
    const path = join(this.dir, name);
    const file = this.manifest.files[name];
    if (!file)
      throw new CheckpointError({
        what: "the manifest does not list the file",
        where: path,
        next: DAMAGED_NEXT,
      });
    const stretches = outside((this.#ranges.get(name) ?? []).map(stretchOf), file.bytes);
    return { key: name, path, where: path, stretches, expected: file.sha256 };
  }

  #checkOfRange(range: Range, table: string): Check {
    const path = join(this.dir, range.file);
    const where = `${path}: ${range.bytes} bytes of ${table} from byte ${range.offset} on`;
    return { key: keyOf(range), path, where, stretches: [stretchOf(range)], expected: range.checksum };
  }

  async #verifyAll(checks: readonly Check[]): Promise<void> {
    const unverified = checks.filter(({ key }) => !this.#verified.has(key));
    const hashes = await sha256OfFiles(unverified);
    unverified.forEach(({ key, where, expected }, i) => {
      if (hashes[i] !== expected)
        throw new CheckpointError({
          what: "the checksum does not match",
          where,
          got: hashes[i],
          expected,
          next: DAMAGED_NEXT,
        });
      this.#verified.add(key);
    });
  }
}

/** Bytes of a file and their checksum. */
interface Check {
  readonly key: string;
  readonly path: string;
  /** For messages. */
  readonly where: string;
  readonly stretches: readonly Stretch[];
  readonly expected: string;
}

const keyOf = ({ file, offset, bytes }: Range) => `${file} ${offset} ${bytes}`;
const stretchOf = ({ offset, bytes }: Range): Stretch => [offset, offset + bytes];

const numbersOf = (part: Part, table: Table): readonly TableNumbers[] =>
  part === "model" ? [table] : table.states;

/** Tensors that say only which rows a file has. The keys of a growing table are among its tensors. */
const namesOfKeys = ({ name, capacity }: Table): string[] =>
  capacity === undefined ? [keysName(name), deletedName(name)] : [deletedName(name)];

/** The ranges that a part needs of a table. */
const rangesOfPart = (part: Part, table: Table): Range[] => rangesWithKeys(numbersOf(part, table), table);

/** The files that contain a part. */
function filesOf(part: Part, { tables }: Manifest): Set<string> {
  const ofTables = tables.flatMap((table) => rangesOfPart(part, table));
  return new Set([PART_FILES[part], ...ofTables.map(({ file }) => file)]);
}

/**
 * Opens a checkpoint directory, and those beside it that it is based on.
 * @param parts the parts whose files must exist; default all
 * @param known checkpoints that have been opened with these parts, by directory
 * @throws CheckpointError if a manifest is missing or invalid, a file is missing or has the wrong size, or changes do not
 * apply to their base; DiskError if that cannot be known
 */
export async function readCheckpoint(
  dir: string,
  parts = PARTS,
  known: ReadonlyMap<string, Checkpoint> = new Map(),
): Promise<Checkpoint> {
  const found: { readonly dir: string; readonly manifest: Manifest }[] = [];
  let base: Checkpoint | undefined;
  for (let next: string | undefined = dir; next !== undefined && !base; ) {
    const manifest = await readManifest(next, parts, found.at(-1));
    found.push({ dir: next, manifest });
    next = manifest.base && join(dirname(next), manifest.base.checkpoint);
    base = next === undefined ? undefined : known.get(next);
  }
  const oldest = found.at(-1)!;
  if (base && isDelta(oldest.manifest)) checkBase(oldest.manifest, base.manifest, oldest.dir);
  for (const { dir: of, manifest } of found.reverse()) base = new Checkpoint(of, manifest, base);
  return base!;
}

/**
 * Reads a manifest, and the sizes of the files that it names.
 * @param dependent the checkpoint of changes that is based on this one
 */
async function readManifest(
  dir: string,
  parts: readonly Part[],
  dependent?: { readonly dir: string; readonly manifest: Manifest },
): Promise<Manifest> {
  try {
    const path = join(dir, MANIFEST_FILE);
    const text = await readText(path).catch((cause) => {
      throw isAbsent(cause) ? withoutManifest(path, cause) : cause;
    });
    const manifest = decodeManifest(text, path);
    const needed = new Set(parts.flatMap((part) => [...filesOf(part, manifest)]));
    for (const [name, { bytes }] of Object.entries(manifest.files))
      if (needed.has(name)) await checkSize(join(dir, name), bytes);
    // Each is checked before the next one is read, so that steps descend and the loop ends.
    if (dependent && isDelta(dependent.manifest)) checkBase(dependent.manifest, manifest, dependent.dir);
    return manifest;
  } catch (error) {
    if (!dependent || !isDelta(dependent.manifest) || !isDamage(error)) throw error;
    throw withoutBase(dependent.manifest, dependent.dir, error);
  }
}

function withoutManifest(path: string, cause: unknown): CheckpointError {
  const report = {
    what: "there is no manifest: this is not a complete checkpoint",
    where: path,
    got: "no such file",
    next: "Name a run directory, or a complete checkpoint in its checkpoints/.",
  };
  return new CheckpointError(report, { cause });
}

async function checkSize(path: string, expected: number): Promise<void> {
  const size = await unlessAbsent(sizeOf(path));
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
