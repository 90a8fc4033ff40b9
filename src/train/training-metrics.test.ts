import { describe, expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { GraphBuilder } from "../graph/graph.js";
import { fp32 } from "../graph/tensor.js";
import { StreamingAuc } from "../metrics/index.js";
import { OPS } from "../ops/index.js";
import { drawKey, drawUnit } from "../random.js";
import { columnOf } from "./evaluate.js";
import { ROW_SUMS } from "./step/model-graphs.js";
import { BINARY, classification, REGRESSION, type Task } from "./task.js";
import { TrainingMetrics } from "./training-metrics.js";

const BINS = 4096;

/** Logits of three scales, some infinite, and labels. */
function randomRows(rows: number, columns: number, seed: number) {
  const key = drawKey(seed, 0, 0);
  const unit = (i: number) => drawUnit(key, i);
  const logits = Float32Array.from({ length: rows * columns }, (_, i) => {
    if (unit(3 * i) < 0.02)
      return unit(3 * i + 1) < 0.5 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return (unit(3 * i + 1) - 0.5) * 10 ** Math.floor(unit(3 * i) * 3);
  });
  const labels = Float32Array.from(logits, (z, i) => (unit(3 * i + 2) < 1 / (1 + Math.exp(-z / 2)) ? 1 : 0));
  return { logits, labels };
}

/** A program that counts scores into `counts`. */
function counter(columns: number) {
  const builder = new GraphBuilder();
  const input = (name: string) =>
    builder.apply(OPS.input, [], { name, type: fp32("B", columns), limit: 0 })[0];
  const [counts] = builder.apply(OPS.parameter, [], {
    name: "counts",
    shape: [columns, 2, BINS],
    role: "counts",
    init: { kind: "constant", value: 0 },
    trainable: false,
  });
  builder.apply(OPS.scoreHistogram, [counts, input("logits"), input("labels")], {});
  const memory = referenceBackend.allocate(columns * 2 * BINS);
  const executable = referenceBackend.compile(builder.finish(), new Map([["counts", memory]]), {
    maxBatch: 64,
  });
  return { memory, executable };
}

/** The output of a training program, in steps of two rows. */
function rowSums(task: Task, logits: number[], labels: number[], labelWidth: number) {
  const rows = labels.length / labelWidth;
  const builder = new GraphBuilder();
  const input = (name: string, width: number) =>
    builder.apply(OPS.input, [], { name, type: fp32("B", width), limit: 0 })[0];
  const values = task.rowMean!.values(
    builder,
    input("logits", logits.length / rows),
    input("labels", labelWidth),
  );
  builder.output(ROW_SUMS, builder.apply(OPS.sumRows, [values], {})[0]);
  const executable = referenceBackend.compile(builder.finish(), new Map(), { maxBatch: 2 });
  const column = (numbers: number[]) => {
    const width = numbers.length / rows;
    return { kind: "number", data: Float32Array.from(numbers), offset: 0, stride: width, width } as const;
  };
  const columns = new Map([
    ["logits", column(logits)],
    ["labels", column(labels)],
  ]);
  const scalars = new Map();
  return executable.runSync({
    columns,
    rows,
    start: 0,
    count: rows,
    batch: 2,
    seed: 0,
    firstStep: 0,
    scalars,
  });
}

describe("TrainingMetrics", () => {
  it.each([1, 3])(
    "has the AUC of %i labels that a stream of all logits has, without reading one",
    (columns) => {
      const names = ["click", "buy", "return"].slice(0, columns);
      const { memory, executable } = counter(columns);
      const metrics = new TrainingMetrics(BINARY, names, memory, 500);
      const streams = names.map(() => new StreamingAuc(500));
      expect(metrics.outputs).toEqual([]);
      for (let call = 0; call < 5; call++) {
        const rows = 150 + call;
        const values = randomRows(rows, columns, call);
        const column = (data: Float32Array) =>
          ({ kind: "number", data, offset: 0, stride: columns, width: columns }) as const;
        const request = { rows, start: 0, count: rows, batch: 64, seed: 0, firstStep: 0, scalars: new Map() };
        const columnsOf = new Map([
          ["logits", column(values.logits)],
          ["labels", column(values.labels)],
        ]);
        metrics.add(executable.runSync({ ...request, columns: columnsOf }), rows);
        streams.forEach((stream, k) => {
          stream.add(columnOf(values.logits, k, columns), columnOf(values.labels, k, columns));
        });
      }
      const expected = streams.map((stream, k) => {
        const result = stream.result();
        return [columns === 1 ? "auc" : `${names[k]}.auc`, result.defined ? result.value : NaN];
      });
      expect(metrics.values()).toEqual(Object.fromEntries(expected));
      metrics.reset();
      expect(metrics.values()).toEqual({});
    },
  );

  it("has the share of rows whose largest logit is their class", () => {
    const metrics = new TrainingMetrics(classification(3), ["kind"], undefined);
    expect(metrics.outputs).toEqual([ROW_SUMS]);
    const logits = [1, 2, 0, 5, 2, 1, 0, 0, 3, 1, 0, 0, 4, 4, 1];
    metrics.add(rowSums(classification(3), logits, [1, 0, 1, 2, 0], 1), 5); // the first of equal logits counts
    expect(metrics.values()).toEqual({ accuracy: 3 / 5 });
  });

  it("has the mean distance of predicted numbers, for each label", () => {
    const metrics = new TrainingMetrics(REGRESSION, ["price", "days"], undefined);
    metrics.add(rowSums(REGRESSION, [1, -2, 5, 0.5], [3, -1, 5, 1], 2), 2);
    expect(metrics.values()).toEqual({ "price.meanAbsoluteError": 1, "days.meanAbsoluteError": 0.75 });
  });
});
