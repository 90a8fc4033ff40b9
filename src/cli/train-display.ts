import { relative } from "node:path";
import type { Config } from "../config/config.js";
import type { PreparedData, PrepareProgress } from "../data/index.js";
import { type Evaluation, formatMetric } from "../metrics/index.js";
import type { RunListener } from "../run/train-run.js";
import { rowsPerStep } from "../train/step/gradient-accumulation.js";
import type { TrainingListener, TrainingResult } from "../train/trainer.js";
import { Counter } from "./counter.js";
import { Progress } from "./progress.js";
import { formatCount } from "./progress-line.js";
import { count, percent, plural } from "./tables.js";

/** Shows a run on the terminal: what is going on in one line that moves, what has happened in lines that stay. */
export class TrainDisplay implements RunListener {
  private readonly progress = new Progress();
  private readonly counter = new Counter();

  /** @param onTraining called when a run begins to have something worth saving */
  constructor(private readonly onTraining: () => void) {}

  log(line: string): void {
    this.counter.stop();
    this.progress.log(line);
  }

  /** Gives the cursor back, whatever happens next. */
  stop(): void {
    this.counter.stop();
    this.progress.stop();
  }

  preparing(progress: PrepareProgress): void {
    if (progress.phase === "learn") this.counter.show("Reading: learning statistics of the training split");
    else if (progress.phase === "pack")
      this.counter.show(`Reading: ${progress.splits.join(", ")}`, progress.rows);
    else this.log(`Packed data of an earlier run is damaged, so it is packed again: ${progress.message}`);
  }

  prepared(data: PreparedData, seconds: number): void {
    this.counter.stop();
    for (const line of preparedLines(data, seconds)) this.log(line);
  }

  training(name: string, config: Config): TrainingListener {
    this.onTraining();
    const { progress } = this;
    const { steps } = config.train;
    const lastRow = steps === undefined ? Number.POSITIVE_INFINITY : steps * rowsPerStep(config.train);
    const epochs = steps === undefined ? `/${config.train.epochs ?? 1}` : "";
    return {
      checkpointPassedOver: (dir, error) =>
        this.log(`Skipped a damaged checkpoint, ${relative("", dir)}: ${error.report.what}`),
      epochStarted: (epoch, rows, doneRows) =>
        progress.start(
          `${name}, epoch ${epoch + 1}${epochs}`,
          Math.min(rows, lastRow - epoch * rows),
          doneRows,
        ),
      trained: (rows, loss, metrics) => progress.advance({ rows, loss, metrics }),
      evaluationStarted: (rows) => progress.start(`${name}, valid`, rows),
      evaluatedRows: (rows) => progress.advance({ rows }),
      initialized: ({ checkpoint, matched, unmatched }) => {
        const rest = unmatched.length > 0 ? `; with initial values: ${unmatched.join(", ")}` : "";
        progress.log(`${name} starts from ${checkpoint}: ${count(matched.length)} parameters${rest}`);
      },
      evaluated: ({ step }, evaluation) => {
        progress.stop();
        progress.log(`${name}, step ${count(step)}: valid ${mainMetrics(evaluation)}`);
      },
    };
  }

  trained(name: string, { reason, position, trainRows, trainSeconds }: TrainingResult): void {
    this.progress.stop();
    if (reason === "interrupted") return;
    const early = reason === "earlyStopping" ? " (stopped early: no more improvement)" : "";
    const rate = trainSeconds > 0 ? `: ${formatCount(trainRows / trainSeconds)} samples/s` : "";
    this.log(
      `${name}: ${plural(position.step, "step")} trained in ${trainSeconds.toFixed(1)} s${rate}${early}`,
    );
  }

  measuring(name: string, split: string, rows: number): (rows: number) => void {
    this.progress.start(`${name}, ${split}`, rows);
    return (done) => this.progress.advance({ rows: done });
  }
}

function preparedLines({ splits, unassigned, fromCache }: PreparedData, seconds: number): string[] {
  const parts = Object.entries(splits).map(([name, { rows }]) => `${name} ${count(rows)}`);
  const took = `${seconds.toFixed(1)} s${fromCache ? ", cached" : ""}`;
  const lines = [`Data: ${parts.join(", ")} rows (${took})`];
  if (unassigned > 0) lines.push(`      ${count(unassigned)} rows belong to no split`);
  for (const [name, { rowsRead, rows, quarantined, reasons, quarantinePath }] of Object.entries(splits)) {
    if (quarantined === 0) continue;
    const sum = `${count(rowsRead)} read = ${count(rows)} kept + ${count(quarantined)} quarantined`;
    lines.push(`      ${name}: ${sum} (${percent(quarantined / rowsRead)})`);
    lines.push(`      ${relative("", quarantinePath)}`);
    for (const [reason, times] of Object.entries(reasons).slice(0, 5))
      lines.push(`        ${count(times)} × ${reason}`);
  }
  return lines;
}

function mainMetrics(evaluation: Evaluation): string {
  if (evaluation.labels)
    return [...evaluation.labels].map(([label, of]) => `${label} ${mainMetrics(of)}`).join("; ");
  const { auc, logLoss, accuracy, xauc, meanSquaredError, groupedAuc, pairwiseAuc } = evaluation;
  if (xauc) return `XAUC ${formatMetric(xauc, 4)}, mean squared error ${formatMetric(meanSquaredError)}`;
  if (pairwiseAuc)
    return `AUC ${formatMetric(auc, 4)}, accuracy ${formatMetric(accuracy, 4)}, log loss ${formatMetric(logLoss)}`;
  const grouped = groupedAuc ? `, grouped AUC ${formatMetric(groupedAuc, 4)}` : "";
  return `AUC ${formatMetric(auc, 4)}${grouped}, log loss ${formatMetric(logLoss)}`;
}
