import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SourceConfig } from "../config/data.js";
import { Duck, type SourceColumn } from "../data/duckdb.js";
import { nearNames } from "../data/near-names.js";
import { openSource } from "../data/source.js";
import { columnWants } from "../data/wire.js";
import { ConfigError } from "../errors.js";
import type { TrainedModel } from "./model.js";
import { PredictionsFile } from "./predictions-file.js";
import { RowCount, type ScoredBatch, scoreSource } from "./score.js";

export interface PredictOptions {
  readonly model: TrainedModel;
  readonly source: SourceConfig;
  /** Where the source was given, for errors. */
  readonly where: string;
  /** `.csv` or `.parquet`. */
  readonly output: string;
  /** Columns of the source to carry into the output. */
  readonly columns: readonly string[];
  readonly onRows: (rows: number) => void;
}

export interface PredictResult {
  readonly rows: RowCount;
  /** One JSON line for each refused row; absent where there is none. */
  readonly quarantine?: string;
}

/**
 * Scores every row of a source into a file, in the order of the source. Refused rows are listed in
 * `<output>.quarantine.jsonl`; when they are too many (`data.maxBadRows`), that is all that is written.
 */
export async function predictRun(options: PredictOptions): Promise<PredictResult> {
  const { model, source, where, output, columns, onRows } = options;
  const described = await describeColumns(model, source, where, columns);
  const file = await PredictionsFile.create(output, described);
  const rows = new RowCount();
  const quarantine = new QuarantineFile(`${output}.quarantine.jsonl`);
  try {
    for await (const batch of scoreSource(model, source, { where, passthrough: columns })) {
      rows.add(batch);
      file.append(batch.rowNumbers, batch.passthrough, probabilities(batch.logits));
      await quarantine.add(batch);
      onRows(rows.read);
    }
    await quarantine.close();
    rows.check(where, model.config.data.maxBadRows);
    await file.finish();
  } finally {
    file.close();
  }
  return { rows, quarantine: quarantine.written ? quarantine.path : undefined };
}

function probabilities(logits: Float32Array): Float32Array {
  return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
}

/** The SQL types of the carried columns, as the scan will read them. */
async function describeColumns(
  { features }: TrainedModel,
  source: SourceConfig,
  where: string,
  columns: readonly string[],
): Promise<SourceColumn[]> {
  if (columns.length === 0) return [];
  const scratch = join(tmpdir(), `pairloom-${randomUUID()}`);
  const duck = await Duck.open(scratch);
  try {
    const wants = columnWants(
      features.features.map(({ reading }) => reading),
      [],
    );
    const { columns: known } = await openSource(duck, source, where, wants, scratch);
    return columns.map((name) => known.find((column) => column.name === name) ?? unknownColumn(name, known));
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
    expected: `one of ${nearNames(name, names).join(", ")}`,
    next: "Correct the name.",
  });
}

/** Refused rows, a JSON line each; the file is made with the first. */
class QuarantineFile {
  private stream?: ReturnType<typeof createWriteStream>;

  constructor(readonly path: string) {
    rmSync(path, { force: true });
  }

  get written(): boolean {
    return this.stream !== undefined;
  }

  async add({ bad, malformedRows }: ScoredBatch): Promise<void> {
    for (const row of bad) await this.write(row);
    for (const row of malformedRows) await this.write(row);
  }

  async close(): Promise<void> {
    if (!this.stream) return;
    this.stream.end();
    await once(this.stream, "close");
  }

  private async write(line: object): Promise<void> {
    this.stream ??= createWriteStream(this.path);
    if (!this.stream.write(`${JSON.stringify(line)}\n`)) await once(this.stream, "drain");
  }
}
