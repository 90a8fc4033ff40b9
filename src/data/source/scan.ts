import { rmSync } from "node:fs";
import type { DataChunk } from "@duckdb/node-bindings";
import type { ColumnSet } from "../../columns/columns.js";
import { Block } from "../../features/block.js";
import type { FittedFeatures } from "../../features/fitted.js";
import type { LabelKind } from "../../features/targets.js";
import { labelNames } from "../../features/targets.js";
import type { SourceConfig } from "../data-config.js";
import { ChunkEncoder, type Targets } from "../encode/chunk-encoder.js";
import { scratchDirectory } from "../pack/owned-directory.js";
import { located, WAITING_LIMIT } from "../pack/quarantine.js";
import type { SplitConfig, SplitName } from "../split/split-config.js";
import { predicatesOf, querySplits, splitColumns } from "../split/split-query.js";
import { duckdb } from "./binding.js";
import { columnWants, readingWires } from "./column-query.js";
import { verifyCompressed } from "./compressed.js";
import { type Demand, laterDemand } from "./demand.js";
import { Duck, quoteName } from "./duckdb.js";
import { withoutGiven, withTypedEntries } from "./given-histories.js";
import { withHistories } from "./histories.js";
import { type MalformedRow, NO_ROWS, type Place, type Refused } from "./rejects.js";
import { FILE_COLUMN } from "./relation.js";
import { columnType, openFiles, type Source } from "./source.js";
import { findFiles } from "./source-files.js";
import { targetWire } from "./target-query.js";
import { TextVector } from "./vectors.js";

export interface ScanOptions {
  /** The config path of the source, for errors; default `source`. */
  readonly where?: string;
  /** Rows per batch; the last may have fewer. */
  readonly batchRows?: number;
  /** The label column, or several; without it the result has no "@label" and no "@weight" column. */
  readonly label?: string | readonly string[];
  /** Rows with other labels are bad; default `binary`. */
  readonly labels?: LabelKind;
  readonly weight?: string;
  /** Read only the rows of this split. */
  readonly split?: { readonly config: SplitConfig; readonly name: SplitName };
  /** Columns of the source to copy to the result, such as ids for the output. */
  readonly passthrough?: readonly string[];
}

/** A refused row of a scan. */
export interface BadRow {
  /** 1-based number among the well-formed rows of the source. */
  readonly row: number;
  /** Its file, where it is known. */
  readonly file?: string;
  /** 1-based line of its start in a text file. */
  readonly line?: number;
  readonly feature: string;
  readonly columns: readonly string[];
  readonly reason: string;
  readonly value: string | null;
}

/** Consecutive rows of a source without the bad ones, in memory that no other batch uses. */
export interface ScanBatch {
  readonly columns: ColumnSet;
  /** For each passthrough column, `columns.rows` values: numbers, booleans, texts or null. */
  readonly passthrough: ReadonlyMap<string, readonly unknown[]>;
  /** 1-based number of each row among the well-formed rows of the source. */
  readonly rowNumbers: readonly number[];
  readonly bad: readonly BadRow[];
  /** Number of malformed rows of text files; only known with the last batch. */
  readonly malformed: number;
  /** Their places and reasons. */
  readonly malformedRows: readonly MalformedRow[];
}

/**
 * Reads any source with fitted features, without writing packed files: for evaluation and prediction. The last batch may
 * be empty. Summed over all batches, rows + bad + malformed equals the rows of the source.
 *
 * @throws ConfigError, DataError as `prepareData`
 */
export async function* scanSource(
  config: SourceConfig,
  fitted: FittedFeatures,
  options: ScanOptions = {},
): AsyncGenerator<ScanBatch> {
  const { where = "source", batchRows = 8192, labels = "binary", weight, split, passthrough = [] } = options;
  const names = labelNames(options.label ?? []);
  const scratch = scratchDirectory();
  const duck = await Duck.open(scratch);
  try {
    const targetNames = [...names, ...(weight === undefined ? [] : [weight])];
    const wants = columnWants(
      fitted.features.map(({ reading }) => reading),
      targetNames,
    );
    for (const column of splitColumns(split?.config ?? {})) wants.set(column, "text");
    const named = [...passthrough, ...predicatesOf(split?.config ?? {})];
    const demand = laterDemand({ wants, sql: named }, config, fitted);
    const source = await openLater(duck, config, { where, demand, fitted, scratch });
    await verifyCompressed(source.identity, where);
    const rows = await rowsOf(duck, source, split);
    const wires = fitted.features.map(({ name, reading }) =>
      readingWires(reading, source, `features.${name}`),
    );
    const encoder = new ChunkEncoder(fitted, wires, await targetsOf(duck, source, names, labels, weight));
    const carried = passthrough.map((name) => carry(source, name));
    const batcher = new Batcher(encoder, carried, batchRows, source.hasFileColumn);
    const columns = [
      ...encoder.projection,
      ...carried.map(({ sql }) => sql),
      ...(source.hasFileColumn ? [quoteName(FILE_COLUMN)] : []),
    ];
    const sql = `SELECT ${columns.join(", ")} FROM (${rows("rejects")})`;
    for await (const chunk of duck.stream(sql, where)) yield* batcher.add(chunk);
    const malformed: MalformedRow[] = [];
    // Rows of a split have other numbers than those of the source.
    const unread = await source.unread?.("rejects", split ? NO_ROWS : batcher.refused);
    for await (const row of unread?.malformed ?? []) malformed.push(row);
    yield batcher.takeLast(malformed, unread?.places ?? []);
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface LaterRows {
  readonly where: string;
  readonly demand: Demand;
  readonly fitted: FittedFeatures;
  readonly scratch: string;
}

/** Rows with the histories that they have themselves, or else with those of the tables of events. */
async function openLater(
  duck: Duck,
  config: SourceConfig,
  { where, demand, fitted, scratch }: LaterRows,
): Promise<Source> {
  const ofRows = await findFiles(duck, { ...config, events: undefined }, where, scratch, demand);
  const opened = await openFiles(duck, config, ofRows, where, demand);
  const built = withoutGiven(opened, config, demand);
  const files = await findFiles(duck, built, where, scratch, demand);
  const rows = { ...opened, identity: files.identity };
  const source = await withHistories(duck, rows, built, { files, demand, rules: fitted });
  return withTypedEntries(duck, source, fitted, demand);
}

/** A SELECT of the rows of a split, or of all rows. */
async function rowsOf(duck: Duck, source: Source, split: ScanOptions["split"]): Promise<Source["select"]> {
  if (!split) return source.select;
  const { source: divided, splits } = await querySplits(duck, source, split.config);
  const { predicate } = splits.find(({ name }) => name === split.name)!;
  return (rejects) => `SELECT * FROM (${divided.select(rejects)}) WHERE (${predicate}\n)`;
}

async function targetsOf(
  duck: Duck,
  source: Source,
  names: readonly string[],
  labels: LabelKind,
  weight: string | undefined,
): Promise<Targets | undefined> {
  if (names.length === 0) return undefined;
  const target = async (column: string, where: string) => ({
    column,
    wire: await targetWire(duck, column, source, where),
  });
  const label: Targets["label"][number][] = [];
  for (const name of names) label.push(await target(name, "data.label"));
  return { label, labels, ...(weight !== undefined && { weight: await target(weight, "data.weight") }) };
}

interface Carried {
  readonly name: string;
  readonly sql: string;
  readonly parse: (text: string) => unknown;
}

function carry(source: Source, name: string): Carried {
  const type = columnType(source, name, "passthrough");
  const sql = `CAST(${quoteName(name)} AS VARCHAR)`;
  if (type === "BOOLEAN") return { name, sql, parse: (text) => text === "true" };
  if (/^(FLOAT|DOUBLE|U?(TINY|SMALL)INT|U?INTEGER)$/.test(type)) return { name, sql, parse: Number };
  // An integer that a JavaScript number cannot represent exactly stays text.
  if (/^U?(BIG|HUGE)INT$/.test(type))
    return { name, sql, parse: (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text) };
  return { name, sql, parse: (text) => text };
}

/** Gathers the good rows of chunks into batches. */
class Batcher {
  private block: Block;
  private carriedValues: unknown[][];
  private rowNumbers: number[] = [];
  private bad: BadRow[] = [];
  /** Refused rows that are given with the last batch, when their places are known. */
  private waiting: BadRow[] = [];
  private rowsBefore = 0;

  constructor(
    private readonly encoder: ChunkEncoder,
    private readonly carried: readonly Carried[],
    private readonly batchRows: number,
    /** True if the file of each row follows the carried columns. */
    private readonly hasFile: boolean,
  ) {
    this.block = new Block(encoder.layout, batchRows);
    this.carriedValues = carried.map(() => []);
  }

  *add(chunk: DataChunk): Generator<ScanBatch> {
    const rows = duckdb.data_chunk_get_size(chunk);
    this.encoder.encode(chunk);
    const carriedText = (i: number) =>
      new TextVector(chunk, duckdb.data_chunk_get_vector(chunk, this.encoder.projection.length + i), rows);
    const texts = this.carried.map((_, i) => carriedText(i));
    const files = this.hasFile ? carriedText(this.carried.length) : undefined;
    for (let r = 0; r < rows; r++) {
      const row = this.rowsBefore + r + 1;
      if (this.encoder.isRefused(r)) {
        const file = files?.text(r) ?? undefined;
        const list = this.waiting.length < WAITING_LIMIT ? this.waiting : this.bad;
        list.push({ ...(file !== undefined && { file }), row, ...this.encoder.refusal(r) });
        continue;
      }
      this.block.append(this.encoder.block, r, r + 1);
      this.rowNumbers.push(row);
      texts.forEach((vector, i) => {
        const text = vector.text(r);
        this.carriedValues[i].push(text === null ? null : this.carried[i].parse(text));
      });
      if (this.block.rows === this.batchRows) yield this.take([]);
    }
    this.rowsBefore += rows;
  }

  /** The rows that wait for their places. */
  get refused(): Refused {
    return { rows: this.waiting.map(({ row }) => row), total: this.rowsBefore };
  }

  takeLast(malformedRows: readonly MalformedRow[], places: readonly (Place | undefined)[]): ScanBatch {
    this.bad.push(...this.waiting.map((row, i) => located(row, places[i])));
    return this.take(malformedRows);
  }

  take(malformedRows: readonly MalformedRow[]): ScanBatch {
    const passthrough = new Map(this.carried.map(({ name }, i) => [name, this.carriedValues[i]]));
    const { rowNumbers, bad } = this;
    const malformed = malformedRows.length;
    const batch = { columns: this.block.columnSet(), passthrough, rowNumbers, bad, malformed, malformedRows };
    this.block = new Block(this.encoder.layout, this.batchRows);
    this.carriedValues = this.carried.map(() => []);
    this.rowNumbers = [];
    this.bad = [];
    return batch;
  }
}
