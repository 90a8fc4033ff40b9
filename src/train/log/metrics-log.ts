import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { z } from "zod";
import { onDiskSync, readTextSync } from "../../checkpoint/disk.js";
import { CheckpointError } from "../../errors.js";
import { STRETCH } from "../stretch.js";

/** The log of a run directory. */
export const METRICS_FILE = "metrics.jsonl";

/** One measurement of a run: a line of `metrics.jsonl`. */
const metricsLineSchema = z.strictObject({
  /** Training steps done. */
  step: z.number().int().nonnegative(),
  epoch: z.number().int().nonnegative(),
  /** `train`, `valid`, `stretch` or `tables`. */
  split: z.string(),
  /** Null for metrics that are undefined or not finite: JSON has no NaN. */
  values: z.record(z.string(), z.number().nullable()),
  /** Seconds since 1970. */
  time: z.number(),
});

export type MetricsLine = z.infer<typeof metricsLineSchema>;
export type Measurement = Omit<MetricsLine, "time">;

/** Appends measurements to a JSON-lines file, one line per write. */
export class MetricsLog {
  readonly #path: string;
  readonly #file: number;

  /**
   * Opens or creates a log.
   * @param resumedStep the step of the checkpoint from which the run resumes. Measurements of later steps are removed,
   * since the run repeats them, and so is an incomplete last line. Without it, the run is new and all lines are
   * removed.
   */
  constructor(path: string, { resumedStep = -1 }: { resumedStep?: number } = {}) {
    if (existsSync(path)) keepUntil(path, resumedStep);
    this.#path = path;
    this.#file = onDiskSync("the file cannot be opened", path, () => openSync(path, "a"));
  }

  write({ step, epoch, split, values }: Measurement): void {
    const line: MetricsLine = { step, epoch, split, values: finite(values), time: Date.now() / 1000 };
    onDiskSync("the file cannot be written", this.#path, () =>
      writeSync(this.#file, `${JSON.stringify(line)}\n`),
    );
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * All complete lines of a log, in order; ignores an incomplete last line after a crash.
 * @throws CheckpointError
 */
export function readMetrics(path: string): MetricsLine[] {
  const complete = readTextSync(path).split("\n").slice(0, -1);
  return complete.map((text, index) => parseLine(text, `${path}:${index + 1}`));
}

function parseLine(text: string, where: string): MetricsLine {
  try {
    return metricsLineSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CheckpointError(
      { what: "this is not a line of measurements", where, got: text.slice(0, 80), next: "Remove the line." },
      { cause },
    );
  }
}

function keepUntil(path: string, step: number): void {
  writeMetrics(
    path,
    // A stretch is measured after the checkpoint from which it starts, and again by a run that starts it again.
    readMetrics(path).filter((line) => (line.split === STRETCH ? line.step < step : line.step <= step)),
  );
}

/** Writes a whole log: a new file that is then renamed, so that a crash leaves the old lines or the new ones. */
export function writeMetrics(path: string, lines: readonly MetricsLine[]): void {
  onDiskSync("the file cannot be written", path, () => {
    const temporary = `${path}.tmp`;
    rmSync(temporary, { force: true }); // opening a pipe would wait for a reader
    const file = openSync(temporary, "wx");
    try {
      for (const line of lines) writeSync(file, `${JSON.stringify(line)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  });
}

function finite(values: Measurement["values"]): MetricsLine["values"] {
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    Number.isFinite(value) ? value : null,
  ]);
  return Object.fromEntries(entries);
}
