import type { Backend, DynamicTranslation } from "../backends/backend.js";
import type { Checkpoint, Tensors } from "../checkpoint/index.js";
import { ExecutionError } from "../errors.js";
import { canonicalCross } from "../features/canonical.js";
import type { FittedBag, FittedFeature, FittedId } from "../features/fitted.js";
import { compileId, missingId, vocabularyCache } from "../features/transform.js";
import { showValue } from "../show-value.js";
import { tableOf } from "../train/match-rows.js";
import { memberNames, nameInMember } from "../train/members.js";
import { parametersOf } from "../train/step/model-graphs.js";
import type { TableReport } from "../train/table-metrics.js";
import { Translations } from "../train/translations.js";
import type { DescribedModel } from "./model.js";

/** An embedding table of a checkpoint. Of a dynamic one, the rows are those of the checkpoint. */
export interface SavedTable {
  /** The name of the parameter. */
  readonly name: string;
  /** The features that use it. */
  readonly features: readonly (FittedId | FittedBag)[];
  readonly rows: number;
  readonly dim: number;
  /** Whether its rows are words of quantized numbers. */
  readonly isQuantized: boolean;
  readonly dynamic?: DynamicTranslation;
  /** Whether {@link dynamic} knows what eviction goes by: only checkpoints from which training can go on have it. */
  readonly hasScores: boolean;
  /** The values of the rows, from row 0 on; absent if the rows have none. */
  readonly vocabulary?: readonly string[];
}

/** A row of a table, found by a value. */
export interface FoundRow {
  /** The 64-bit key, in a dynamic table. */
  readonly key?: bigint;
  readonly row: number;
  readonly vector: Float32Array;
  /** What eviction goes by, in a dynamic table; absent for a key without a row, and where the checkpoint does not have it. */
  readonly score?: number;
}

/** The embedding tables of a checkpoint with their rows. The caller closes it. */
export class SavedTables {
  private constructor(
    readonly tables: readonly SavedTable[],
    private readonly model: DescribedModel,
    private readonly tensors: Tensors,
  ) {}

  /** @throws CheckpointError if the checkpoint is damaged */
  static async open(checkpoint: Checkpoint, model: DescribedModel, backend: Backend): Promise<SavedTables> {
    const translations = await translationsOf(checkpoint, model, backend);
    const tensors = await checkpoint.openModel();
    const parameters = parametersOf(model.graph).filter(({ role }) => role === "table");
    const tables = parameters.map(({ name, translation, words = false }): SavedTable => {
      const [rows, dim = 1] = tensors.tensors.get(name)!.shape;
      const table = tableOf(nameInMember(name))!;
      const features = model.features.features.filter((feature) => usesTable(feature, table));
      const vocabulary = model.features.vocabularies[table];
      const dynamic = translations.dynamic.get(translation ?? "");
      const form = { name, features, rows, dim, isQuantized: words };
      return { ...form, dynamic, hasScores: hasScores(checkpoint), vocabulary };
    });
    return new SavedTables(tables, model, tensors);
  }

  /**
   * The row of a value, given as its canonical text; of a cross, as the texts of its columns with commas between them.
   * @throws ExecutionError if the table has no row for it
   */
  async find(table: SavedTable, text: string): Promise<FoundRow> {
    const id = this.idOf(table, text);
    if (!table.dynamic) return { row: Number(id), vector: await this.rows(table, Number(id), 1) };
    const key = BigInt(id);
    const row = table.dynamic.translate(BigInt64Array.of(key))[0];
    const { rows, scores } = table.dynamic.keys();
    const score = row === 0 || !table.hasScores ? undefined : scores[rows.indexOf(row)];
    return { key, row, vector: await this.rows(table, row, 1), score };
  }

  /** The vectors of rows [first, first + count), one after the other. */
  async rows({ name, dim, isQuantized }: SavedTable, first: number, count: number): Promise<Float32Array> {
    if (isQuantized) throw quantizedTable(name);
    const numbers = new Float32Array(count * dim);
    await this.tensors.readInto(name, numbers, first * dim);
    return numbers;
  }

  close(): Promise<void> {
    return this.tensors.close();
  }

  private idOf({ name, features }: SavedTable, text: string): number | bigint {
    if (features.length === 0) throw partOfTable(name);
    const id = this.encoded(features[0], crossed(features[0], text));
    if (typeof id === "bigint" || id >= 0) return id;
    throw new ExecutionError({
      what: "the table has no row for this value",
      where: name,
      got: showValue(text),
      expected: `a value that the feature "${features[0].name}" accepts`,
      next: "Check the value; a cross needs a value for each of its columns, with commas between them.",
    });
  }

  /** The empty text is a missing value. */
  private encoded(feature: FittedId | FittedBag, text: string): number | bigint {
    if (text === "") return missingId(feature);
    const transform = compileId(feature, vocabularyCache(this.model.features));
    const bytes = Buffer.from(text);
    return transform.reads === "text"
      ? transform.encode(bytes, 0, bytes.length)
      : transform.encode(Number(text));
  }
}

/**
 * What the dynamic tables of a checkpoint have become, by name; without scores, the histograms are empty.
 * @throws CheckpointError if it is damaged
 */
export async function tableReports(
  checkpoint: Checkpoint,
  model: DescribedModel,
  backend: Backend,
): Promise<Record<string, TableReport>> {
  const translations = await translationsOf(checkpoint, model, backend);
  const reports = translations.reports(checkpoint.manifest.step);
  if (hasScores(checkpoint)) return reports;
  const entries = Object.entries(reports).map(([name, report]) => [name, { ...report, histogram: [] }]);
  return Object.fromEntries(entries);
}

/** Published versions, and the checkpoints of a run of several seeds, have no optimizer state. */
const hasScores = ({ manifest }: Checkpoint): boolean =>
  manifest.tables.some(({ states }) => states.length > 0);

async function translationsOf(
  checkpoint: Checkpoint,
  { features, graph }: DescribedModel,
  backend: Backend,
): Promise<Translations> {
  const members = memberNames(checkpoint.manifest.members);
  const translations = new Translations(backend, features, { members });
  await translations.load(checkpoint, parametersOf(graph), { forTraining: hasScores(checkpoint) });
  return translations;
}

function usesTable(feature: FittedFeature, table: string): feature is FittedId | FittedBag {
  return feature.kind !== "number" && feature.table === table;
}

function crossed({ kind, reading: { columns } }: FittedId | FittedBag, text: string): string {
  const parts = text.split(",");
  return kind === "id" && columns.length > 1 && parts.length === columns.length
    ? (canonicalCross(parts) ?? "")
    : text;
}

function quantizedTable(name: string): ExecutionError {
  return new ExecutionError({
    what: "the rows of this table are quantized",
    where: name,
    expected: "a table of numbers",
    next: "Name the run that the bundle was made from.",
  });
}

function partOfTable(name: string): ExecutionError {
  return new ExecutionError({
    what: "the rows of this table are parts of vectors, each for many values",
    where: name,
    expected: "a table whose rows belong to values",
    next: "Export the table to see its rows.",
  });
}
