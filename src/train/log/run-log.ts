import { join } from "node:path";
import type { Position } from "../training-state.js";
import { MetricsLog } from "./metrics-log.js";
import { TensorBoardWriter } from "./tensorboard.js";

/** Measurements of a run, as JSON lines (`metrics.jsonl`) and as TensorBoard events (`tensorboard/`). */
export class RunLog {
  private readonly lines: MetricsLog;
  private readonly events: TensorBoardWriter;

  constructor(runDir: string, resumedStep: number | undefined) {
    this.lines = new MetricsLog(join(runDir, "metrics.jsonl"), { resumedStep });
    this.events = new TensorBoardWriter(join(runDir, "tensorboard"), { resumedStep });
  }

  write({ step, epoch }: Position, split: string, values: Record<string, number>): void {
    this.lines.write({ step, epoch, split, values });
    const named = Object.entries(values).map(([name, value]) => [`${split}/${name}`, value]);
    this.events.scalars(step, Object.fromEntries(named));
  }

  close(): void {
    this.lines.close();
    this.events.close();
  }
}
