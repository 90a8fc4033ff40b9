/// <reference lib="esnext.disposable" preserve="true" />
import type { Config } from "../config/config.js";
import { DataError, ExecutionError } from "../errors.js";
import { createEncoder, type Encoder } from "../features/encoder.js";
import type { FittedFeatures } from "../features/fitted.js";
import { labelNames } from "../features/targets.js";
import type { TrainedModel } from "../saved/model.js";
import { showValue } from "../show-value.js";
import { columnOf } from "../train/evaluate.js";
import { factsOf } from "../train/step/loss/index.js";
import type { Task } from "../train/task.js";
import { cellsOf, hasColumn, type PlacedCells, type Rows, withShared } from "./cells.js";
import { encodeOrRefuse } from "./encode.js";
import type { EventStore } from "./event-store.js";
import { Histories, refuseSomeLists, withHistories, withRankedHistories } from "./histories.js";
import { OncePlans } from "./once-plans.js";
import { bestFirst, checkRankRequest, type RankedItem, type RankRequest } from "./rank.js";
import { logitsOf } from "./run-model.js";
import { translate } from "./translate.js";

/** Scores rows given as plain JavaScript objects or as columns, on the calling thread. */
export class Predictor<Row = Readonly<Record<string, unknown>>, Label extends string = string>
  implements Disposable
{
  /** The resolved config that the model was trained with. */
  readonly config: Config;
  readonly features: FittedFeatures;
  /** The labels of the model, in the order of its outputs. */
  readonly labels: readonly Label[];
  /** Number of outputs per row. */
  readonly outputs: number;
  /** The training step of the parameters. */
  readonly step: number;
  /** Events by sequence, from which rows without the lists of the sequence get their histories. */
  readonly events: Readonly<Record<string, EventStore>>;
  private readonly histories: Histories;
  private readonly task: Task;
  private readonly encoder: Encoder;
  /** The columns that the features read. */
  private readonly columns: readonly string[];
  private open?: { readonly model: TrainedModel; readonly plans: OncePlans };

  /** @param histories default: rows have all their lists themselves */
  constructor(model: TrainedModel, histories = Histories.of(model)) {
    this.open = { model, plans: new OncePlans(model) };
    this.config = model.config;
    this.features = model.features;
    this.labels = labelNames(model.config.data.label) as readonly Label[];
    this.task = factsOf(model.config.train.loss).task;
    this.outputs = this.task.outputs(this.labels);
    this.step = model.checkpoint.manifest.step;
    this.histories = histories;
    this.events = histories.stores;
    this.encoder = createEncoder(model.features, { reuses: true });
    this.columns = [...new Set(model.features.features.flatMap(({ reading }) => reading.columns))];
  }

  /** The columns that rows must have. */
  get rowColumns(): readonly string[] {
    return this.histories.asked(this.columns, () => false).columns;
  }

  /**
   * Returns probabilities [rows] in row order; with several labels [rows, labels], row-major. With the loss
   * `squaredError` returns the predicted numbers, with `softmaxCrossEntropy` class probabilities [rows, classes]. A row
   * must have every column that the features read; `null` is a missing value.
   * @param rows a list of objects, or an object with a list of values for each column
   * @throws DataError naming the first row with a missing column or a value that a feature cannot read; ExecutionError
   * naming the first row whose prediction is not a finite number
   */
  predict(rows: Rows<Row>): Float32Array {
    return this.task.predictions(this.logits(rows));
  }

  /**
   * {@link predict} by label: `predictLabels(rows).buy[2]` belongs to the third row.
   * @throws DataError like {@link predict}, and if the model predicts classes
   */
  predictLabels(rows: Rows<Row>): Readonly<Record<Label, Float32Array>> {
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
  logits(rows: Rows<Row>): Float32Array {
    const { columns, stores } = this.histories.asked(this.columns, (name) => hasColumn(rows, name));
    refuseSomeLists(rows, stores, "rows");
    return this.score(withHistories(cellsOf(rows, columns, "rows"), stores));
  }

  /**
   * The best items, best first; of equal ones the first. Features whose columns all stand in `user` or `context` are transformed
   * and looked up once, and what the model computes from them alone is computed once. The scores are those of {@link predict} for
   * rows with all columns, but for rounding.
   * @throws DataError like {@link predict}, for a column in two places, and if the model predicts classes
   */
  rank(request: RankRequest<Row, Label>): RankedItem[] {
    const isGiven = (name: string) =>
      [request?.user, request?.context, request?.items].some((part) => hasColumn(part, name));
    const { columns, stores } = this.histories.asked(this.columns, isGiven);
    refuseSomeLists(request?.items, stores, "items");
    const asked = checkRankRequest(request, columns);
    const { shared, items, k } = withRankedHistories(asked, stores, this.columns);
    const output = this.outputToRankBy(request.by);
    const plan = this.opened.plans.of(shared, this.columns);
    const logits = plan?.logits(shared, items, this.outputs) ?? this.score(withShared(items, shared));
    const predictions = this.task.predictions(logits);
    return bestFirst(columnOf(logits, output, this.outputs), k).map((index) => ({
      index,
      score: predictions[index * this.outputs + output],
    }));
  }

  /**
   * The row of the feature's table for each value, as {@link predict} looks it up: exports and servers find rows in this way. In
   * a dynamic table, ids without a row have row 0. Of a feature that is made of two tables, the id.
   * @param values single ids; a cross has a list with a value for each of its columns, a computed feature its computed values
   * @throws DataError for a feature without a table, and for a value that the feature refuses
   */
  translate(feature: string, values: readonly unknown[]): Float64Array {
    return translate(this.opened.model, feature, values);
  }

  /** Frees the memory of the model, as soon as JavaScript collects it. Nothing can be scored afterwards. */
  [Symbol.dispose](): void {
    this.open = undefined;
  }

  private score(cells: PlacedCells): Float32Array {
    const encoded = encodeOrRefuse(this.encoder, cells, this.features);
    return logitsOf(this.opened.model.executable, encoded, this.outputs);
  }

  private get opened() {
    if (this.open) return this.open;
    throw new ExecutionError({
      what: "the model was disposed",
      where: "Predictor",
      next: "Load it again, or dispose of it later.",
    });
  }

  private outputToRankBy(label: unknown): number {
    if (this.outputs !== this.labels.length) throw this.severalNumbers("rank()", "one score an item");
    if (label === undefined && this.outputs === 1) return 0;
    const output = this.labels.indexOf(label as Label);
    if (output >= 0) return output;
    throw new DataError({
      what: "there is no such label to rank by",
      where: "by",
      got: showValue(label),
      expected: `one of ${this.labels.join(", ")}`,
      next: "Name the label whose predictions order the items.",
    });
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
}
