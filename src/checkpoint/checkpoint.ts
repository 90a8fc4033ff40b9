import { basename, join } from "node:path";
import { CheckpointError } from "../errors.js";
import { isAbsent, readText, sizeOf, UnsupportedError, unlessAbsent } from "./disk.js";
import { outside, type Stretch, sha256OfFiles } from "./file-bytes.js";
import { DAMAGED_NEXT, decodeManifest, MANIFEST_FILE, type Manifest, nextForWriter } from "./manifest.js";
import { SafetensorsFile } from "./safetensors-reader.js";
import { type Range, rangesOf, type Table, type TableNumbers } from "./table-layout.js";
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

  constructor(
    readonly dir: string,
    readonly manifest: Manifest,
  ) {
    for (const name of Object.keys(manifest.files)) this.#ranges.set(name, []);
    for (const range of manifest.tables.flatMap(rangesOf)) this.#ranges.get(range.file)?.push(range);
  }

  /** The directory's name, such as `step-00001234`. */
  get name(): string {
    return basename(this.dir);
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

  /** Reads every file and compares checksums. @throws CheckpointError for the first that differs */
  async verify(): Promise<void> {
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
    const tables = numbersOf(part, this.manifest.tables);
    const rest = [...filesOf(part, this.manifest)].map((name) => this.#checkOfRest(name));
    const ranges = [...tables].flatMap(([name, { numbers }]) =>
      numbers.ranges.map((range) => this.#checkOfRange(range, name)),
    );
    await this.#verifyAll([...rest, ...ranges]);
    const file = await SafetensorsFile.open(join(this.dir, PART_FILES[part]));
    return tables.size === 0 ? file : new JoinedTensors([new TableReader(this.dir, tables), file], this.dir);
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

/** The tables of a part, by parameter name. */
function numbersOf(part: Part, tables: readonly Table[]) {
  const numbers = (table: Table): readonly TableNumbers[] => (part === "model" ? [table] : table.states);
  return new Map(
    tables.flatMap((table) => numbers(table).map((each) => [each.name, { table, numbers: each }] as const)),
  );
}

/** The files that contain a part. */
function filesOf(part: Part, { tables }: Manifest): Set<string> {
  const ofTables = [...numbersOf(part, tables).values()].flatMap(({ numbers }) => numbers.ranges);
  return new Set([PART_FILES[part], ...ofTables.map(({ file }) => file)]);
}

/**
 * Opens a checkpoint directory.
 * @param parts the parts whose files must exist; default all
 * @throws CheckpointError if the manifest is missing or invalid, or a file is missing or has the wrong size; DiskError
 * if that cannot be known
 */
export async function readCheckpoint(dir: string, parts = PARTS): Promise<Checkpoint> {
  const path = join(dir, MANIFEST_FILE);
  const text = await readText(path).catch((cause) => {
    throw isAbsent(cause) ? withoutManifest(path, cause) : cause;
  });
  const manifest = decodeManifest(text, path);
  refuseUnsupported(manifest, path);
  const needed = new Set(parts.flatMap((part) => [...filesOf(part, manifest)]));
  for (const [name, { bytes }] of Object.entries(manifest.files))
    if (needed.has(name)) await checkSize(join(dir, name), bytes);
  return new Checkpoint(dir, manifest);
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

/** Refuses what the format allows but this version does not read yet. */
function refuseUnsupported({ base, tables, writer }: Manifest, where: string): void {
  const next = nextForWriter(writer);
  if (base)
    throw new UnsupportedError({
      what: "the checkpoint has only changes since another one; this version cannot read it",
      where,
      got: `changes since ${base.checkpoint}`,
      expected: "a complete checkpoint",
      next,
    });
  const growing = tables.find(({ capacity, keys }) => capacity !== undefined || keys !== undefined);
  if (growing)
    throw new UnsupportedError({
      what: "the checkpoint has a growing table; this version cannot read it",
      where,
      got: `${growing.name} with a capacity of ${growing.capacity} rows`,
      expected: "tables with a fixed number of rows",
      next,
    });
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
