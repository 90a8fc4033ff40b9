import { relative } from "node:path";
import type { PreparedData, PrepareProgress } from "../data/index.js";
import type { Next } from "../data/stretch/growing-source.js";
import { type Evaluation, formatMetric, METRIC_LIST } from "../metrics/index.js";
import { warningText } from "../run/data-warnings.js";
import { type SplitReport, splitReports } from "../run/report.js";
import type { RunEvent } from "../run/run-event.js";
import { count } from "../show-value.js";
import type { Initialized } from "../train/initialize-from.js";
import { rowsPerStep } from "../train/step/gradient-accumulation.js";
import { STRETCH } from "../train/stretch.js";
import type { TrainConfig } from "../train/train-config.js";
import type { TrainingResult } from "../train/trainer.js";
import { Counter } from "./counter.js";
import { filled } from "./fill-lines.js";
import { Progress } from "./progress.js";
import { formatCount } from "./progress-line.js";
import { newRowsLines, stretchLines } from "./stretch-lines.js";
import { percent, plural } from "./tables.js";

/** Shows a run on the terminal: the current activity in one changing line, past events in permanent lines. */
export class TrainDisplay {
  private readonly progress = new Progress();
  private readonly counter = new Counter();
  /** For the model in training. */
  private lengths: Lengths = {};
  /** The stretch of new rows in training. */
  private stretch?: number;

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

  readonly listen = (event: RunEvent): void => {
    const show = this.handlers[event.kind] as ((event: RunEvent) => void) | undefined;
    show?.(event);
  };

  private readonly handlers: { readonly [K in RunEvent["kind"]]?: (event: EventOf<K>) => void } = {
    preparing: ({ progress }) => this.preparing(progress),
    prepared: ({ data, seconds }) => this.prepared(data, seconds),
    dataWarning: ({ warning }) => this.log(filled(`Warning: ${warningText(warning)}`, "  ")),
    published: ({ step }) => this.log(`Published step ${count(step)}, which was not published before`),
    newRows: ({ number, next }) => this.newRows(number, next),
    readingRows: ({ number, rows }) => this.counter.show(`Reading: stretch ${number}`, rows),
    stretchReady: (event) => this.stretchReady(event),
    trainingStarted: (event) => this.trainingStarted(event),
    checkpointPassedOver: ({ dir, error }) =>
      this.log(`Skipped a damaged checkpoint, ${relative("", dir)}: ${error.report.what}`),
    sumsReordered: ({ dir }) =>
      this.log(
        `${relative("", dir)} is of an older version, which added gradients in another order: from here on the run differs in the last bits from one that was never stopped`,
      ),
    initialized: ({ model, initialized }) => this.log(initializedLine(model, initialized)),
    epochStarted: (event) => this.epochStarted(event),
    trained: ({ rows, loss, metrics }) => this.progress.advance({ rows, loss, metrics }),
    evaluationStarted: ({ model, split, rows }) => this.progress.start(`${model}, ${split}`, rows),
    evaluatedRows: ({ rows }) => this.progress.advance({ rows }),
    evaluated: (event) => this.evaluated(event),
    trainingEnded: ({ model, result }) => this.trainingEnded(model, result),
  };

  private preparing(progress: PrepareProgress): void {
    if (progress.phase === "learn") this.counter.show("Reading: learning statistics of the training split");
    else if (progress.phase === "pack")
      this.counter.show(`Reading: ${progress.splits.join(", ")}`, progress.rows);
    else this.log(`Packed data of an earlier run is damaged, so it is packed again: ${progress.message}`);
  }

  private prepared(data: PreparedData, seconds: number): void {
    this.counter.stop();
    for (const line of preparedLines(data, seconds)) this.log(line);
  }

  private newRows(number: number, next: Next): void {
    const areNoMore = !next.reads && this.stretch !== undefined;
    if (!areNoMore) for (const line of newRowsLines(number, next)) this.log(line);
  }

  private stretchReady({ number, rows, added }: EventOf<"stretchReady">): void {
    this.counter.stop();
    for (const line of stretchLines(number, rows, added)) this.log(line);
  }

  private trainingStarted({ model, config, length, stretch }: EventOf<"trainingStarted">): void {
    this.lengths = lengthsOf(config.train);
    this.stretch = stretch;
    if (length !== undefined) this.log(`${model}: trains ${length}`);
    this.onTraining();
  }

  private epochStarted({ model, epoch, rows, doneRows }: EventOf<"epochStarted">): void {
    if (this.stretch !== undefined) {
      this.progress.start(`${model}, stretch ${count(this.stretch)}`, rows, doneRows);
      return;
    }
    const { epochs, lastRow = Number.POSITIVE_INFINITY } = this.lengths;
    const label = `${model}, epoch ${epoch + 1}${epochs === undefined ? "" : `/${epochs}`}`;
    this.progress.start(label, Math.min(rows, lastRow - epoch * rows), doneRows);
  }

  /** The measurements on the held-out split stand in the table at the end. */
  private evaluated({ model, split, step, evaluation }: EventOf<"evaluated">): void {
    this.progress.stop();
    const at = `${model}, step ${count(step)}`;
    if (split === "valid") this.log(`${at}: valid ${mainMetrics(evaluation)}`);
    if (split === STRETCH)
      this.log(`${at}: on the new rows, before training on them, ${mainMetrics(evaluation)}`);
  }

  private trainingEnded(model: string, { reason, position, trainRows, trainSeconds }: TrainingResult): void {
    this.progress.stop();
    if (reason === "interrupted") return;
    const early = reason === "earlyStopping" ? " (stopped early: no more improvement)" : "";
    const rate = trainSeconds > 0 ? `: ${formatCount(trainRows / trainSeconds)} samples/s` : "";
    if (this.stretch !== undefined) {
      this.log(`${model}: stretch ${count(this.stretch)} trained, up to step ${count(position.step)}${rate}`);
      return;
    }
    this.log(
      `${model}: ${plural(position.step, "step")} trained in ${trainSeconds.toFixed(1)} s${rate}${early}`,
    );
  }
}

type EventOf<K extends RunEvent["kind"]> = Extract<RunEvent, { readonly kind: K }>;

interface Lengths {
  readonly epochs?: number;
  /** Rows until the run ends, where it ends after steps. */
  readonly lastRow?: number;
}

function lengthsOf(train: TrainConfig): Lengths {
  const { steps, epochs = 1 } = train;
  return steps === undefined ? { epochs } : { lastRow: steps * rowsPerStep(train) };
}

function initializedLine(model: string, { checkpoint, matched, unmatched }: Initialized): string {
  const rest = unmatched.length > 0 ? `; with initial values: ${unmatched.join(", ")}` : "";
  return `${model} starts from ${checkpoint}: ${count(matched.length)} parameters${rest}`;
}

function preparedLines(data: PreparedData, seconds: number): string[] {
  const { unassigned, fromCache } = data;
  const splits = Object.entries(splitReports(data));
  const parts = splits.map(([name, { rows }]) => `${name} ${count(rows)}`);
  const took = `${seconds.toFixed(1)} s${fromCache ? ", cached" : ""}`;
  const lines = [`Data: ${parts.join(", ")} rows (${took})`];
  if (unassigned > 0) lines.push(`      ${count(unassigned)} rows belong to no split`);
  return [...lines, ...splits.flatMap(([name, split]) => splitLines(name, split))];
}

/** What is special about a split. */
function splitLines(name: string, split: SplitReport): string[] {
  const { rowsRead, rows, leftOut, starts, quarantined, reasons, quarantineFile } = split;
  const lines: string[] = [];
  if (starts !== undefined) lines.push(`      ${name} starts at ${starts}`);
  if (leftOut !== undefined)
    lines.push(
      `      ${name}: ${count(leftOut)} rows with label 0 left out, the others have the weight 1 / keep`,
    );
  if (quarantined === 0) return lines;
  const kept = `${count(rows)} kept + ${count(quarantined)} quarantined`;
  const sum = `${kept}${leftOut === undefined ? "" : ` + ${count(leftOut)} left out`}`;
  return [
    ...lines,
    `      ${name}: ${count(rowsRead)} read = ${sum} (${percent(quarantined / rowsRead)})`,
    `      ${relative("", quarantineFile)}`,
    ...Object.entries(reasons)
      .slice(0, 5)
      .map(([reason, times]) => `        ${count(times)} × ${reason}`),
  ];
}

function mainMetrics(evaluation: Evaluation): string {
  if (evaluation.labels)
    return [...evaluation.labels].map(([label, of]) => `${label} ${mainMetrics(of)}`).join("; ");
  const shown = METRIC_LIST.filter(([, { lines }]) => lines?.includes(evaluation.predicts));
  return shown
    .flatMap(([name, { title, digits }]) => {
      const result = evaluation[name];
      return result ? [`${title} ${formatMetric(result, digits)}`] : [];
    })
    .join(", ");
}
