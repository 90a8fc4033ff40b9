import type { DataChunk } from "@duckdb/node-bindings";
import { DataError } from "../../errors.js";
import type { SplitName } from "../data-config.js";
import type { ChunkEncoder } from "../encode/chunk-encoder.js";
import type { RefusedLabels } from "../label-values.js";
import { duckdb } from "../source/binding.js";
import { type Duck, quoteName } from "../source/duckdb.js";
import { FILE_COLUMN } from "../source/relation.js";
import type { Source } from "../source/source.js";
import { NumberVector, TextVector } from "../source/vectors.js";
import { SPLIT_COLUMN, type SplitKey } from "../split/split-query.js";
import type { PackedWriter } from "./packed-writer.js";
import { malformedRow } from "./quarantine.js";

/** A split of a source; without a predicate it gets every row. */
export interface SplitTarget {
  readonly name: SplitName;
  readonly predicate?: string;
  readonly writer: PackedWriter;
}

/** A source, and what decides about its rows. */
export interface PackedSource {
  readonly source: Source;
  readonly splits: readonly SplitTarget[];
  /** Rows without this value are refused. */
  readonly key?: SplitKey;
  /** SQL: true for rows of the first split that are not packed. */
  readonly leftOut?: string;
}

/**
 * Reads a source once and writes every row to its split, or to the quarantine of the split. Malformed rows of text files and
 * rows without the value that divides the rows go to the quarantine of the first split.
 *
 * @param encoder for the columns of this source
 * @param onChunk called after every chunk (about 2,000 rows); an error that it throws stops the scan
 * @param rejects a name for tables of malformed rows that is new in this database
 * @returns the number of rows that belong to no split
 * @throws DataError if a row belongs to two splits
 */
export async function packSource(
  duck: Duck,
  packed: PackedSource,
  encoder: ChunkEncoder,
  rejects: string,
  onChunk: () => void,
): Promise<number> {
  const { source } = packed;
  const router = new Router(packed, encoder);
  const columns = [...encoder.projection, ...router.projection];
  const sql = `SELECT ${columns.join(", ")} FROM (${source.select(rejects)})`;
  for await (const chunk of duck.stream(sql, source.where)) {
    await router.route(chunk);
    onChunk();
  }
  await locateRefused(packed, rejects, router.rows);
  return router.unassigned;
}

/** The code of a row without the value that divides the rows. Other codes have a bit for each split, and {@link leftOutBit}. */
const NO_KEY = -1;
const leftOutBit = (splits: readonly SplitTarget[]) => 2 ** splits.length;

class Router {
  unassigned = 0;
  /** Rows read so far. */
  rows = 0;
  /** The split of each code. */
  private readonly byCode: readonly (SplitTarget | undefined)[];

  constructor(
    private readonly packed: PackedSource,
    private readonly encoder: ChunkEncoder,
  ) {
    const { splits } = packed;
    this.byCode = Array.from({ length: 2 ** splits.length }, (_, code) =>
      splits.find((_, bit) => code === 2 ** bit),
    );
  }

  /** The columns that {@link route} reads after those of the encoder. */
  get projection(): string[] {
    const { source, key } = this.packed;
    return [
      codeSql(this.packed),
      ...(source.hasFileColumn ? [quoteName(FILE_COLUMN)] : []),
      ...(key ? [`CAST(${quoteName(key.column)} AS VARCHAR)`] : []),
    ];
  }

  async route(chunk: DataChunk): Promise<void> {
    const rows = duckdb.data_chunk_get_size(chunk);
    const refused = this.encoder.encode(chunk);
    const codes = new NumberVector(chunk, this.vector(chunk, 0), rows).values;
    const targets = Array.from(codes, (code, row) => this.targetOf(code, row));
    if (refused > 0 || codes.includes(NO_KEY)) await this.quarantine(chunk, codes, targets);
    for (let start = 0; start < rows; ) {
      const target = targets[start];
      let end = start + 1;
      while (end < rows && targets[end] === target) end++;
      await target?.writer.append(this.encoder.block, start, end);
      start = end;
    }
    this.rows += rows;
  }

  /** The split that a row is written to; counts the rows that are not written. */
  private targetOf(code: number, row: number): SplitTarget | undefined {
    if (code === NO_KEY) return undefined;
    const leftOut = leftOutBit(this.packed.splits);
    const target = this.byCode[code & ~leftOut];
    if (code === 0) this.unassigned++;
    else if (target === undefined) throw this.inTwoSplits(code, row);
    if (!(code & leftOut)) return target;
    target!.writer.leftOut++;
    return undefined;
  }

  private vector(chunk: DataChunk, index: number) {
    return duckdb.data_chunk_get_vector(chunk, this.encoder.projection.length + index);
  }

  /** Writes refused rows to the quarantine and takes their targets away. */
  private async quarantine(
    chunk: DataChunk,
    codes: Float64Array,
    targets: (SplitTarget | undefined)[],
  ): Promise<void> {
    const { source, splits, key } = this.packed;
    const textAt = (index: number) => new TextVector(chunk, this.vector(chunk, index), codes.length);
    const files = source.hasFileColumn ? textAt(1) : undefined;
    const values = key && textAt(source.hasFileColumn ? 2 : 1);
    for (const [r, code] of codes.entries()) {
      const noKey = code === NO_KEY;
      const split = noKey ? splits[0] : targets[r];
      if (!split || !(noKey || this.encoder.isRefused(r))) continue;
      const refusal = noKey ? keyRefusal(key!, values!.text(r)) : this.encoder.refusal(r);
      const place = { split: split.name, file: files?.text(r) ?? undefined, row: this.rows + r + 1 };
      await split.writer.quarantine.add({ ...place, ...refusal });
      targets[r] = undefined;
    }
  }

  private inTwoSplits(code: number, row: number): DataError {
    const names = this.packed.splits.filter((_, bit) => code & (2 ** bit)).map(({ name }) => name);
    return new DataError({
      what: "a row belongs to more than one split, so test rows would also be training rows",
      where: "data.split",
      got: `row ${this.rows + row + 1} satisfies ${names.join(" and ")}`,
      expected: "at most one true predicate per row",
      next: "Change the predicates so that they exclude each other.",
    });
  }
}

function keyRefusal({ column, reason }: SplitKey, value: string | null) {
  return { feature: "@split", columns: [column], reason: value ? reason : "missing value", value };
}

function codeSql({ splits, key, leftOut }: PackedSource): string {
  const bits = splits.map(
    ({ predicate = "true" }, bit) => `CASE WHEN (${predicate}\n) THEN ${2 ** bit} ELSE 0 END`,
  );
  const [{ predicate = "true" }] = splits;
  if (leftOut !== undefined)
    bits.push(`CASE WHEN (${predicate}\n) AND ${leftOut} THEN ${leftOutBit(splits)} ELSE 0 END`);
  const code = `CAST(${bits.join(" + ")} AS DOUBLE)`;
  return key ? `CASE WHEN ${quoteName(SPLIT_COLUMN)} IS NULL THEN ${NO_KEY} ELSE ${code} END` : code;
}

/** Adds the malformed rows to the quarantine of the first split, and its place to every refused row. */
async function locateRefused(
  { source, splits }: PackedSource,
  rejects: string,
  total: number,
): Promise<void> {
  if (!source.unread) return;
  const rows = splits.flatMap(({ writer }) => writer.quarantine.waitingRows).sort((a, b) => a - b);
  const { malformed, places } = await source.unread(rejects, { rows, total });
  const byRow = new Map(rows.map((row, i) => [row, places[i]]));
  for (const { writer } of splits) await writer.quarantine.locate((row) => byRow.get(row));
  const [{ name, writer }] = splits;
  for await (const row of malformed) await writer.quarantine.add({ split: name, ...malformedRow(row) });
}

/** What to do about rows that were refused for these reasons, if they are not in the encoding that was read. */
export function encodingSteps(reasons: readonly string[]): string[] {
  if (!reasons.some((reason) => /invalid unicode/i.test(reason))) return [];
  return ['set the encoding in which the files were written, such as encoding: "windows-1252" or "utf-16"'];
}

/** The error for a split with too many refused rows. */
export function tooManyBadRows(
  split: string,
  { rows, count, reasons }: { rows: number; count: number; reasons: Readonly<Record<string, number>> },
  path: string,
  maxBadRows: number,
  labels: RefusedLabels,
): DataError {
  const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
  const worst = Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([reason, times]) => `${times} × ${reason}`);
  const none = count === rows;
  const accepts = worst.some((reason) => /^\d+ × [^@]+: /.test(reason) && !reason.includes("malformed row"));
  const steps = [
    "fix the source",
    ...encodingSteps(worst),
    ...(accepts ? ["let the features accept such values (docs/features.md)"] : []),
    ...(none ? [] : ["raise data.maxBadRows"]),
  ];
  return new DataError({
    what: none ? `every row of ${split} was refused` : `too many rows of ${split} were refused`,
    where: "data.maxBadRows",
    got: `${count} of ${rows} rows (${percent(count / rows)}): ${worst.join("; ")}${labels.got}`,
    expected: none ? "at least one usable row" : `at most ${percent(maxBadRows)}`,
    next: `Look at the rows in ${path}, then ${steps.join(", or ")}.${labels.next}`,
  });
}
