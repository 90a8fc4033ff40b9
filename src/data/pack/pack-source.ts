import type { DataChunk } from "@duckdb/node-bindings";
import { DataError } from "../../errors.js";
import type { SplitName } from "../data-config.js";
import type { ChunkEncoder } from "../encode/chunk-encoder.js";
import { duckdb } from "../source/binding.js";
import { type Duck, quoteName } from "../source/duckdb.js";
import { readRejects } from "../source/rejects.js";
import { FILE_COLUMN, type Source } from "../source/source.js";
import { NumberVector, TextVector } from "../source/vectors.js";
import type { PackedWriter } from "./packed-writer.js";

/** A split of a source; without a predicate it gets every row. */
export interface SplitTarget {
  readonly name: SplitName;
  readonly predicate?: string;
  readonly writer: PackedWriter;
}

/**
 * Reads a source once and writes every row to its split, or to the quarantine of the split. No predicate can be computed for
 * malformed rows of text files, so they go to the quarantine of the first split.
 *
 * @param encoder for the columns of this source
 * @param onChunk called after every chunk (about 2,000 rows); an error that it throws stops the scan
 * @param rejects a name for the rejects tables that is new in this database
 * @returns the number of rows that belong to no split
 * @throws DataError if a row belongs to two splits
 */
export async function packSource(
  duck: Duck,
  source: Source,
  splits: readonly SplitTarget[],
  encoder: ChunkEncoder,
  rejects: string,
  onChunk: () => void,
): Promise<number> {
  const router = new Router(splits, encoder, source.hasFileColumn);
  const columns = [...encoder.projection, ...router.projection];
  const select = source.select(source.hasRejects ? rejects : undefined);
  for await (const chunk of duck.stream(`SELECT ${columns.join(", ")} FROM (${select})`, source.where)) {
    await router.route(chunk);
    onChunk();
  }
  if (source.hasRejects) await quarantineRejects(duck, splits[0], rejects, source.where);
  return router.unassigned;
}

class Router {
  unassigned = 0;
  private rowsBefore = 0;
  /** The split of each code; bit i of a code is set if the row satisfies predicate i. */
  private readonly byCode: readonly (SplitTarget | undefined)[];

  constructor(
    private readonly splits: readonly SplitTarget[],
    private readonly encoder: ChunkEncoder,
    private readonly hasFile: boolean,
  ) {
    this.byCode = Array.from({ length: 2 ** splits.length }, (_, code) =>
      splits.find((_, bit) => code === 2 ** bit),
    );
  }

  /** The columns that {@link route} reads after those of the encoder. */
  get projection(): string[] {
    return [
      ...(this.isSplit ? [codeSql(this.splits)] : []),
      ...(this.hasFile ? [quoteName(FILE_COLUMN)] : []),
    ];
  }

  private get isSplit(): boolean {
    return this.splits[0].predicate !== undefined;
  }

  async route(chunk: DataChunk): Promise<void> {
    const rows = duckdb.data_chunk_get_size(chunk);
    const refused = this.encoder.encode(chunk);
    const codes = this.isSplit ? this.codes(chunk, rows) : undefined;
    if (refused > 0) await this.quarantine(chunk, rows, codes);
    const targetOf = (row: number) => {
      if (refused > 0 && this.encoder.isRefused(row)) return undefined;
      return codes ? this.byCode[codes[row]] : this.splits[0];
    };
    for (let start = 0; start < rows; ) {
      const target = targetOf(start);
      let end = start + 1;
      while (end < rows && targetOf(end) === target) end++;
      await target?.writer.append(this.encoder.block, start, end);
      start = end;
    }
    this.rowsBefore += rows;
  }

  private codes(chunk: DataChunk, rows: number): Float64Array {
    const index = this.encoder.projection.length;
    const codes = new NumberVector(chunk, duckdb.data_chunk_get_vector(chunk, index), rows).values;
    for (let r = 0; r < rows; r++)
      if (codes[r] === 0) this.unassigned++;
      else if (this.byCode[codes[r]] === undefined) throw this.inTwoSplits(codes[r], r);
    return codes;
  }

  private async quarantine(chunk: DataChunk, rows: number, codes: Float64Array | undefined): Promise<void> {
    const fileIndex = this.encoder.projection.length + (codes ? 1 : 0);
    const files = this.hasFile
      ? new TextVector(chunk, duckdb.data_chunk_get_vector(chunk, fileIndex), rows)
      : undefined;
    for (let r = 0; r < rows; r++) {
      const split = codes ? this.byCode[codes[r]] : this.splits[0];
      if (!split || !this.encoder.isRefused(r)) continue;
      const file = files?.text(r) ?? undefined;
      const row = this.rowsBefore + r + 1;
      await split.writer.quarantine.add({ split: split.name, file, row, ...this.encoder.refusal(r) });
    }
  }

  private inTwoSplits(code: number, row: number): DataError {
    const names = this.splits.filter((_, bit) => code & (2 ** bit)).map(({ name }) => name);
    return new DataError({
      what: "a row belongs to more than one split, so test rows would also be training rows",
      where: "data.split",
      got: `row ${this.rowsBefore + row + 1} satisfies ${names.join(" and ")}`,
      expected: "at most one true predicate per row",
      next: "Change the predicates so that they exclude each other.",
    });
  }
}

function codeSql(splits: readonly SplitTarget[]): string {
  const bits = splits.map(({ predicate }, bit) => `CASE WHEN (${predicate}\n) THEN ${2 ** bit} ELSE 0 END`);
  return `CAST(${bits.join(" + ")} AS DOUBLE)`;
}

async function quarantineRejects(
  duck: Duck,
  { name, writer }: SplitTarget,
  rejects: string,
  where: string,
): Promise<void> {
  for await (const { file, line, column, reason, text } of readRejects(duck, rejects, where)) {
    const columns = column === null ? {} : { columns: [column] };
    await writer.quarantine.add({ split: name, file, line, ...columns, reason, value: text });
  }
}

/** The error for a split with too many refused rows. */
export function tooManyBadRows(
  split: string,
  {
    rowsRead,
    count,
    reasons,
  }: { rowsRead: number; count: number; reasons: Readonly<Record<string, number>> },
  path: string,
  maxBadRows: number,
): DataError {
  const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
  const worst = Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([reason, times]) => `${times} × ${reason}`);
  const none = count === rowsRead;
  return new DataError({
    what: none ? `every row of ${split} was refused` : `too many rows of ${split} were refused`,
    where: "data.maxBadRows",
    got: `${count} of ${rowsRead} rows (${percent(count / rowsRead)}): ${worst.join("; ")}`,
    expected: none ? "at least one usable row" : `at most ${percent(maxBadRows)}`,
    next: `The rows are listed in ${path}: fix the source, let the feature impute, or raise data.maxBadRows.`,
  });
}
