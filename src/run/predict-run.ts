import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { onDiskSync } from "../checkpoint/index.js";
import type { SourceConfig } from "../data/data-config.js";
import { scratchDirectory } from "../data/pack/owned-directory.js";
import { malformedRow, type QuarantinedRow, quarantineLine } from "../data/pack/quarantine.js";
import { columnWants } from "../data/source/column-query.js";
import { laterDemand } from "../data/source/demand.js";
import { Duck, type SourceColumn } from "../data/source/duckdb.js";
import { openSource } from "../data/source/source.js";
import { ConfigError } from "../errors.js";
import { labelNames } from "../features/targets.js";
import { oneOf } from "../near-names.js";
import { factsOf } from "../train/step/loss/index.js";
import { checkOutput, quarantineOf } from "./output-file.js";
import { PredictionsFile, refuseFormat } from "./predictions-file.js";
import { RowCount, type ScoredBatch, type ScoringModel, scoreAlong, scoreSource } from "./score.js";

/** The rows to score. */
export interface PredictedRows {
  readonly model: ScoringModel;
  readonly source: SourceConfig;
  /** The place that named the source, for errors. */
  readonly where: string;
  /** Columns of the source to copy to the output. */
  readonly columns: readonly string[];
}

export interface PredictOptions extends PredictedRows {
  /** `.csv` or `.parquet`. */
  readonly output: string;
  readonly onRows: (rows: number) => void;
}

export interface PredictResult {
  readonly rows: RowCount;
  /** The file with one JSON line per refused row; absent if no row was refused. */
  readonly quarantine?: string;
}

/**
 * Scores every row of a source into a file, in the order of the source. Refused rows are listed in
 * `<output>.quarantine.jsonl`. If there are too many (`data.maxBadRows`), nothing else is written.
 * @throws ConfigError before scoring if the output cannot be written or is a file of the source
 */
export async function predictRun(options: PredictOptions): Promise<PredictResult> {
  const { model, source, where, output, columns, onRows } = options;
  refuseFormat(output);
  const { files, columns: described } = await describeSource(model, source, where, columns);
  checkOutput(output, files);
  const { data, train } = model.config;
  const { task } = factsOf(train.loss);
  const names = task.predictionNames(labelNames(data.label));
  const file = await PredictionsFile.create(output, described, names);
  const rows = new RowCount(model.features);
  const quarantine = new QuarantineFile(quarantineOf(output));
  try {
    for await (const batch of scoreSource(model, source, { where, passthrough: columns })) {
      rows.add(batch);
      file.append(batch.rowNumbers, batch.passthrough, task.predictions(batch.logits));
      quarantine.add(batch);
      onRows(rows.read);
    }
    rows.check(where, data.maxBadRows, quarantine.path);
    await file.finish();
  } finally {
    quarantine.close();
    file.close();
  }
  return { rows, quarantine: quarantine.written ? quarantine.path : undefined };
}

/** What the other ranks do while rank 0 predicts. */
export function predictAlong({ model, source, where, columns }: PredictedRows): Promise<void> {
  return scoreAlong(model, source, { where, passthrough: columns });
}

/** The files of a source, and the SQL types of the copied columns. */
async function describeSource(
  { features }: ScoringModel,
  source: SourceConfig,
  where: string,
  columns: readonly string[],
): Promise<{ files: string[]; columns: SourceColumn[] }> {
  const scratch = scratchDirectory();
  const duck = await Duck.open(scratch);
  try {
    const wants = columnWants(
      features.features.map(({ reading }) => reading),
      [],
    );
    const { columns: known, identity } = await openSource(
      duck,
      source,
      where,
      laterDemand({ wants, sql: columns }, source, features),
      scratch,
    );
    const carried = columns.map(
      (name) => known.find((column) => column.name === name) ?? unknownColumn(name, known),
    );
    return { files: identity.map(({ path }) => path), columns: carried };
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function unknownColumn(name: string, known: readonly SourceColumn[]): never {
  const names = known.map((column) => column.name);
  throw new ConfigError({
    what: "the data has no such column",
    where: "--columns",
    got: name,
    expected: oneOf(name, names),
    next: "Correct the name.",
  });
}

/** Writes refused rows as JSON lines; the file is created with the first one. */
class QuarantineFile {
  private file?: number;
  private lines = 0;

  constructor(readonly path: string) {
    onDiskSync("the file cannot be removed", path, () => rmSync(path, { force: true }));
  }

  get written(): boolean {
    return this.lines > 0;
  }

  add({ bad, malformedRows }: ScoredBatch): void {
    const rows: QuarantinedRow[] = [...bad, ...malformedRows.map(malformedRow)];
    if (rows.length === 0) return;
    onDiskSync("the list of refused rows cannot be written", this.path, () => {
      this.file ??= openSync(this.path, "w");
      // One line at a time, so that the malformed rows of a large file are not in memory twice.
      for (const row of rows) writeSync(this.file, quarantineLine(row));
    });
    this.lines += rows.length;
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}
