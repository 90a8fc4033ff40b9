import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { z } from "zod";
import { CheckpointError } from "../../errors.js";

/** One measurement of a run: a line of `metrics.jsonl`. */
const metricsLineSchema = z.strictObject({
  /** Training steps done. */
  step: z.number().int().nonnegative(),
  epoch: z.number().int().nonnegative(),
  /** `train`, `valid` or `test`. */
  split: z.string(),
  /** Null where a metric is undefined or not finite: JSON has no NaN. */
  values: z.record(z.string(), z.number().nullable()),
  /** Seconds since 1970. */
  time: z.number(),
});

export type MetricsLine = z.infer<typeof metricsLineSchema>;
export type Measurement = Omit<MetricsLine, "time">;

/** Appends measurements to a JSON-lines file, one write a line. */
export class MetricsLog {
  readonly #file: number;

  /**
   * Opens a log, or makes it.
   * @param resumedStep the step of the checkpoint that the run goes on from: measurements of later steps, which the
   * run makes again, and a line that a crash cut short are removed. Left out for a run that starts anew: then all are.
   */
  constructor(path: string, { resumedStep = -1 }: { resumedStep?: number } = {}) {
    if (existsSync(path)) keepUntil(path, resumedStep);
    this.#file = openSync(path, "a");
  }

  write({ step, epoch, split, values }: Measurement): void {
    const line: MetricsLine = { step, epoch, split, values: finite(values), time: Date.now() / 1000 };
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Every complete line of a log, in order; a last line that a crash cut short is left out. @throws CheckpointError */
export function readMetrics(path: string): MetricsLine[] {
  const complete = readFileSync(path, "utf8").split("\n").slice(0, -1);
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

/** Rewrites the file beside itself, so that a crash leaves the old lines or the kept ones, never fewer. */
function keepUntil(path: string, step: number): void {
  const kept = readMetrics(path).filter((line) => line.step <= step);
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w");
  for (const line of kept) writeSync(file, `${JSON.stringify(line)}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, path);
}

function finite(values: Measurement["values"]): MetricsLine["values"] {
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    Number.isFinite(value) ? value : null,
  ]);
  return Object.fromEntries(entries);
}
