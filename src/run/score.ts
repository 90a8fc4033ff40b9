import { LABEL_COLUMN, WEIGHT_COLUMN } from "../columns/columns.js";
import type { SourceConfig } from "../data/data-config.js";
import { encodingSteps } from "../data/pack/pack-source.js";
import { type ScanBatch, type ScanOptions, scanSource } from "../data/source/scan.js";
import { SOLO } from "../distributed/world.js";
import { DataError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { labelNames } from "../features/targets.js";
import type { Evaluation } from "../metrics/index.js";
import type { DescribedModel, SharedModel } from "../saved/model.js";
import {
  columnIds,
  columnValues,
  INFERENCE_BATCH,
  measure,
  metricSettings,
  predictLogits,
} from "../train/evaluate.js";
import type { ScoringExecutable } from "../train/saved-executable.js";
import { factsOf } from "../train/step/loss/index.js";
import { KnownValues } from "./known-values.js";
import { readTogether } from "./read-together.js";
import type { SplitSource } from "./sources.js";

/** Rows per batch: a few steps of inference, with bounded memory. */
const BATCH_ROWS = 8 * INFERENCE_BATCH;

/** A trained model, or one that ranks share. */
export type ScoringModel = DescribedModel & ScoringExecutable & Partial<Pick<SharedModel, "world">>;

export interface ScoredBatch extends ScanBatch {
  /** [columns.rows, outputs] */
  readonly logits: Float32Array;
}

/**
 * Scores a source of any size in batches, in the order of its rows. Ranks that share the model all call it, and get the same.
 * @throws DataError, ConfigError as `scanSource`; ExecutionError if ranks read different rows
 */
export async function* scoreSource(
  model: ScoringModel,
  source: SourceConfig,
  options: Omit<ScanOptions, "batchRows">,
): AsyncGenerator<ScoredBatch> {
  const { config, features, executable, batch: rowsPerStep, world = SOLO } = model;
  const { task } = factsOf(config.train.loss);
  const { labels } = task;
  const outputs = task.outputs(labelNames(config.data.label));
  const batches = scanSource(source, features, { ...options, labels, batchRows: BATCH_ROWS });
  for await (const batch of readTogether(world, batches)) {
    const logits = await predictLogits(executable, batch.columns, outputs, undefined, rowsPerStep);
    yield { ...batch, logits };
  }
}

/** What ranks do while rank 0 uses the scores of these rows. */
export async function scoreAlong(...scored: Parameters<typeof scoreSource>): Promise<void> {
  for await (const _ of scoreSource(...scored));
}

/** Counts the rows of a source: read = used + refused. */
export class RowCount {
  used = 0;
  refused = 0;
  readonly reasons: Record<string, number> = {};
  private readonly values: KnownValues;

  constructor({ features }: Pick<FittedFeatures, "features">) {
    this.values = new KnownValues(features);
  }

  add({ columns, bad, malformedRows }: ScanBatch): void {
    this.used += columns.rows;
    this.values.add(columns);
    for (const { feature, reason } of bad) this.refuse(`${feature}: ${reason}`);
    for (const { reason } of malformedRows) this.refuse(reason);
  }

  get read(): number {
    return this.used + this.refused;
  }

  /** What in the values deserves a look. */
  get warnings(): readonly string[] {
    return this.values.warnings;
  }

  /**
   * @param list the file that lists the refused rows
   * @throws DataError if more than the fraction `limit` was refused, or there are no rows
   */
  check(where: string, limit: number, list?: string): void {
    if (this.read > 0 && this.refused <= limit * this.read) return;
    const reasons = Object.entries(this.reasons).map(([reason, times]) => `${times} × ${reason}`);
    throw new DataError({
      what: this.read === 0 ? "there are no rows" : "too many rows were refused",
      where,
      got:
        this.read === 0
          ? "nothing"
          : `${this.refused} of ${this.read} rows: ${reasons.slice(0, 5).join("; ")}`,
      expected:
        this.read === 0
          ? "at least one row"
          : `at most ${Number((100 * limit).toPrecision(3))} % (data.maxBadRows)`,
      next:
        this.read === 0
          ? "Check the files and the sql."
          : `Fix the data: it needs the columns and types that the model was trained with.${this.encodingNext}${list === undefined ? "" : ` The rows are listed in ${list}.`}`,
    });
  }

  private get encodingNext(): string {
    const [step] = encodingSteps(Object.keys(this.reasons));
    return step === undefined ? "" : ` If the texts are not UTF-8, ${step}.`;
  }

  private refuse(reason: string): void {
    this.refused++;
    this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
  }
}

export interface SourceEvaluation {
  readonly evaluation: Evaluation;
  readonly rows: RowCount;
}

/** Every metric of a model on a source. Needs 12 bytes of memory per row, because the exact AUC needs all scores. */
export async function evaluateSource(
  model: ScoringModel,
  source: SplitSource,
  where: string,
  onRows: (rows: number) => void,
): Promise<SourceEvaluation> {
  const { maxBadRows } = model.config.data;
  const { groups } = model.config.train;
  const rows = new RowCount(model.features);
  const parts: Record<"logits" | "labels" | "weights", Float32Array>[] = [];
  const groupIds: Float64Array[] = [];
  const numbers = new Map<bigint, number>();
  for await (const batch of scoreSource(model, source.source, labelled(model, source, where))) {
    rows.add(batch);
    const labels = columnValues(batch.columns, LABEL_COLUMN);
    parts.push({ logits: batch.logits, labels, weights: columnValues(batch.columns, WEIGHT_COLUMN) });
    if (groups) groupIds.push(columnIds(batch.columns, groups.by, numbers));
    onRows(rows.read);
  }
  rows.check(where, maxBadRows);
  const join = (key: "logits" | "labels" | "weights") =>
    concatenate(
      parts.map((part) => part[key]),
      Float32Array,
    );
  const scored = { logits: join("logits"), labels: join("labels"), weights: join("weights") };
  const ids = groups && { groups: concatenate(groupIds, Float64Array) };
  return { evaluation: measure({ ...scored, ...ids }, metricSettings(model.config)), rows };
}

/** What the other ranks do meanwhile. */
export function evaluateAlong(model: ScoringModel, source: SplitSource, where: string): Promise<void> {
  return scoreAlong(model, source.source, labelled(model, source, where));
}

function labelled({ config }: ScoringModel, { split }: SplitSource, where: string): ScanOptions {
  const { label, weight } = config.data;
  return { where, label, weight, split };
}

function concatenate<T extends Float32Array | Float64Array>(
  parts: readonly T[],
  ArrayType: new (length: number) => T,
): T {
  const all = new ArrayType(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
