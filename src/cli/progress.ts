import { SingleBar } from "cli-progress";
import { formatPlainLine, formatProgressLine, type ProgressState } from "./progress-line.js";
import { Rate, SmoothedMean } from "./smoothing.js";

/** The rows since the last call of {@link Progress.advance}. */
export interface Advance {
  rows: number;
  /** Mean loss of these rows. */
  loss?: number;
  /** Metrics of the rows so far. */
  metrics?: Readonly<Record<string, number>>;
}

const REDRAWS_PER_SECOND = 8;
const PLAIN_EVERY_MS = 10_000;
const PLAIN_EVERY_SHARE = 0.1;

/**
 * Shows the progress of one phase at a time: in a terminal one line that is redrawn, otherwise a plain line every ten seconds
 * or ten percent. {@link stop} must always be called: it restores the cursor.
 */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  #phase?: Phase;

  constructor({
    stream = process.stderr,
    now = Date.now,
  }: { stream?: NodeJS.WriteStream; now?: () => number } = {}) {
    this.#stream = stream;
    this.#now = now;
  }

  /**
   * Starts a phase and ends the previous one.
   * @param label such as `epoch 2/3`
   * @param totalRows rows of the whole phase
   * @param doneRows rows that were done before, if an epoch is resumed
   */
  start(label: string, totalRows: number, doneRows = 0): void {
    this.stop();
    const state = { label, rows: doneRows, totalRows };
    const display = this.#stream.isTTY
      ? new BarDisplay(this.#stream)
      : new PlainDisplay(this.#stream, this.#now);
    this.#phase = { state, display, rate: new Rate(this.#now()), loss: new SmoothedMean() };
    display.start(state);
  }

  advance({ rows, loss, metrics }: Advance): void {
    const phase = this.#phase;
    if (!phase) return;
    const { state } = phase;
    state.rows += rows;
    state.rowsPerSecond = phase.rate.add(rows, this.#now());
    if (loss !== undefined) state.loss = phase.loss.add(loss, rows);
    if (metrics !== undefined) state.metrics = metrics;
    phase.display.update(state);
  }

  /** Prints a permanent line above the progress line. */
  log(line: string): void {
    this.#phase?.display.clear();
    this.#stream.write(`${line}\n`);
    if (this.#phase) this.#phase.display.resume(this.#phase.state);
  }

  /** Ends the phase and clears its line. */
  stop(): void {
    this.#phase?.display.clear();
    this.#phase = undefined;
  }
}

interface Phase {
  state: ProgressState;
  display: Display;
  rate: Rate;
  loss: SmoothedMean;
}

interface Display {
  start(state: ProgressState): void;
  update(state: ProgressState): void;
  clear(): void;
  resume(state: ProgressState): void;
}

class BarDisplay implements Display {
  readonly #bar: SingleBar;
  #state?: ProgressState;

  constructor(stream: NodeJS.WriteStream) {
    this.#bar = new SingleBar({
      stream,
      // The last column stays empty: a terminal that wraps after it would add a line.
      format: () => (this.#state ? formatProgressLine(this.#state, (stream.columns || 80) - 1) : ""),
      fps: REDRAWS_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
      // The bar's own handler would catch the signal, but the training loop must decide what it does.
      gracefulExit: false,
    });
  }

  start(state: ProgressState): void {
    this.#state = state;
    this.#bar.start(state.totalRows, state.rows);
  }

  update(state: ProgressState): void {
    this.#bar.update(state.rows);
  }

  clear(): void {
    this.#bar.stop();
  }

  resume(state: ProgressState): void {
    this.start(state);
  }
}

class PlainDisplay implements Display {
  #printedAt = 0;
  #printedShare = 0;

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly now: () => number,
  ) {}

  start(state: ProgressState): void {
    this.#printedAt = this.now();
    this.#printedShare = state.rows / state.totalRows;
  }

  update(state: ProgressState): void {
    const share = state.rows / state.totalRows;
    const due =
      this.now() - this.#printedAt >= PLAIN_EVERY_MS ||
      share - this.#printedShare >= PLAIN_EVERY_SHARE - 1e-9;
    if (!due) return;
    this.stream.write(`${formatPlainLine(state)}\n`);
    this.#printedAt = this.now();
    this.#printedShare = share;
  }

  clear(): void {}

  resume(): void {}
}
