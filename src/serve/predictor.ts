import type { RunRequest } from "../backends/backend.js";
import type { Config } from "../config/config.js";
import { DataError } from "../errors.js";
import { type BadCell, createEncoder, type Encoder, type RawRow } from "../features/encoder.js";
import type { FittedFeatures } from "../features/fitted.js";
import { labelNames } from "../features/targets.js";
import type { TrainedModel } from "../saved/model.js";
import { showValue } from "../show-value.js";
import { refuseInfinitePredictions } from "../train/diverged.js";
import { columnOf } from "../train/evaluate.js";
import { factsOf } from "../train/step/loss/index.js";
import { LOGITS } from "../train/step/model-graphs.js";
import type { Task } from "../train/task.js";
import { checkRows } from "./rows.js";
import { translate } from "./translate.js";

/** Rows per pass through the model; larger inputs are scored in pieces. */
export const MAX_BATCH = 1024;
const NO_SCALARS: ReadonlyMap<string, Float32Array> = new Map();

/** Scores rows given as plain JavaScript objects, on the calling thread. */
export class Predictor<Row = Readonly<Record<string, unknown>>, Label extends string = string> {
  /** The resolved config that the model was trained with. */
  readonly config: Config;
  readonly features: FittedFeatures;
  /** The labels of the model, in the order of its outputs. */
  readonly labels: readonly Label[];
  /** Number of outputs per row. */
  readonly outputs: number;
  /** The training step of the parameters. */
  readonly step: number;
  private readonly task: Task;
  private readonly encoder: Encoder;
  /** The columns that the features read. */
  private readonly columns: readonly string[];

  constructor(private readonly model: TrainedModel) {
    this.config = model.config;
    this.features = model.features;
    this.labels = labelNames(model.config.data.label) as readonly Label[];
    this.task = factsOf(model.config.train.loss).task;
    this.outputs = this.task.outputs(this.labels);
    this.step = model.checkpoint.manifest.step;
    this.encoder = createEncoder(model.features);
    this.columns = [...new Set(model.features.features.flatMap(({ reading }) => reading.columns))];
  }

  /**
   * Returns probabilities [rows] in row order; with several labels [rows, labels], row-major. With the loss
   * `squaredError` returns the predicted numbers, with `softmaxCrossEntropy` class probabilities [rows, classes]. A row
   * must have every column that the features read; `null` is a missing value.
   * @throws DataError naming the first row with a missing column or a value that a feature cannot read; ExecutionError
   * naming the first row whose prediction is not a finite number
   */
  predict(rows: readonly Row[]): Float32Array {
    return this.task.predictions(this.logits(rows));
  }

  /**
   * {@link predict} by label: `predictLabels(rows).buy[2]` belongs to the third row.
   * @throws DataError like {@link predict}, and if the model predicts classes
   */
  predictLabels(rows: readonly Row[]): Readonly<Record<Label, Float32Array>> {
    if (this.outputs !== this.labels.length) throw this.severalNumbers("predictLabels()", "one a label");
    const predictions = this.predict(rows);
    const columns = this.labels.map((name, k) => [name, columnOf(predictions, k, this.outputs)]);
    return Object.fromEntries(columns);
  }

  /**
   * The prediction for one row.
   * @throws DataError if the model has several outputs per row
   */
  predictOne(row: Row): number {
    if (this.outputs !== 1) throw this.severalNumbers("predictOne()", "one");
    return this.predict([row])[0];
  }

  /** Scores before the sigmoid or softmax, [rows, outputs]; enough for ranking. */
  logits(rows: readonly Row[]): Float32Array {
    const raw: unknown = rows;
    checkRows(raw, this.columns);
    const encoded = this.encoder.encode(raw);
    if (encoded.bad.length > 0) throw this.refusal(encoded.bad, raw);
    const logits = new Float32Array(rows.length * this.outputs);
    for (let start = 0; start < rows.length; start += MAX_BATCH) {
      const count = Math.min(MAX_BATCH, rows.length - start);
      const part = this.run({ ...encoded, start, count, batch: count });
      refuseInfinitePredictions(part, this.outputs, start);
      logits.set(part, start * this.outputs);
    }
    return logits;
  }

  /**
   * The row of the feature's table for each value, as {@link predict} looks it up: exports and servers find rows in this way. In
   * a dynamic table, ids without a row have row 0. Of a feature that is made of two tables, the id.
   * @param values single ids; a cross has a list with a value for each of its columns, a computed feature its computed values
   * @throws DataError for a feature without a table, and for a value that the feature refuses
   */
  translate(feature: string, values: readonly unknown[]): Float64Array {
    return translate(this.model, feature, values);
  }

  private run(rows: Pick<RunRequest, "columns" | "rows" | "start" | "count" | "batch">): Float32Array {
    const request = { ...rows, seed: 0, firstStep: 0, scalars: NO_SCALARS };
    return this.model.executable.runSync(request).get(LOGITS)!;
  }

  private severalNumbers(where: string, gives: string): DataError {
    const ofLabels = this.outputs === this.labels.length;
    return new DataError({
      what: `the model predicts several numbers per row, but ${where} returns ${gives}`,
      where,
      got: ofLabels ? `the labels ${this.labels.join(", ")}` : `${this.outputs} classes`,
      next: `Call ${ofLabels ? "predictLabels" : "predict"}([row]), which returns them all.`,
    });
  }

  private refusal(bad: readonly BadCell[], rows: readonly RawRow[]): DataError {
    const [{ row, feature, reason }] = bad;
    const { reading } = this.features.features.find(({ name }) => name === feature)!;
    const values = reading.columns.map((column) => `${column}: ${showValue(rows[row][column])}`);
    const more = bad.length > 1 ? `, and ${bad.length - 1} more rows` : "";
    return new DataError({
      what: `the feature ${feature} refuses the row${more}`,
      where: `rows[${row}]`,
      got: `${values.join(", ")} (${reason})`,
      expected: `a value that ${feature} can read (docs/features.md)`,
      next: "Fix the row, or remove it.",
    });
  }
}
