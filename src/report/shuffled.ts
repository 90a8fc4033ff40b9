import type { ColumnSet } from "../columns/columns.js";
import { permutation } from "../columns/order.js";
import { selectColumn } from "../columns/select.js";
import type { TrainedModel } from "../saved/model.js";
import { type MetricSettings, metricSettings, predictLogits } from "../train/evaluate.js";
import { inputNames } from "../train/step/model-graphs.js";

const ORDER = { seed: 0, epoch: 0 };

/** Scores rows in which some features have the values of other rows. */
export class ShuffledScores {
  private readonly donors: Uint32Array;

  private constructor(
    private readonly model: TrainedModel,
    private readonly sample: ColumnSet,
    /** The logits of the rows as they are, [N, outputs]. */
    readonly unshuffled: Float32Array,
    readonly settings: MetricSettings,
  ) {
    this.donors = donorsOf(sample.rows);
  }

  static async of(model: TrainedModel, sample: ColumnSet): Promise<ShuffledScores> {
    const settings = metricSettings(model.config);
    const logits = await predictLogits(model.executable, sample, outputsOf(settings));
    return new ShuffledScores(model, sample, logits, settings);
  }

  /** The logits [N, outputs], where the named features have the values of one other row. */
  logits(features: readonly string[]): Promise<Float32Array> {
    const { columns, rows } = this.sample;
    const shuffled = features.map((name) => [name, selectColumn(columns.get(name)!, this.donors)] as const);
    const set = { rows, columns: new Map([...columns, ...shuffled]) };
    return predictLogits(this.model.executable, set, outputsOf(this.settings));
  }
}

const outputsOf = ({ task, labels }: MetricSettings): number => task.outputs(labels);

/** For each row another one: the next along a random circle of all rows. Always the same for as many rows. */
function donorsOf(rows: number): Uint32Array {
  const order = permutation(rows, ORDER);
  const donors = new Uint32Array(rows);
  for (let i = 0; i < rows; i++) donors[order(i)] = order((i + 1) % rows);
  return donors;
}

/** The features that the model reads, in config order. */
export function featuresRead({ graph, features }: TrainedModel): string[] {
  const read = new Set(inputNames(graph));
  return features.features.map(({ name }) => name).filter((name) => read.has(name));
}
