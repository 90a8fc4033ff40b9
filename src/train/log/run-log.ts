import { join } from "node:path";
import type { TrainingEvent } from "../training-event.js";
import { METRICS_FILE, MetricsLog } from "./metrics-log.js";
import { TensorBoardWriter } from "./tensorboard.js";

/** The logs of a run directory: JSON lines (`metrics.jsonl`) and TensorBoard events (`tensorboard/`). */
export class RunLog {
  private readonly lines: MetricsLog;
  private readonly events: TensorBoardWriter;

  constructor(runDir: string, resumedStep: number | undefined) {
    this.lines = new MetricsLog(join(runDir, METRICS_FILE), { resumedStep });
    this.events = new TensorBoardWriter(join(runDir, "tensorboard"), { resumedStep });
  }

  /** Logs the measurements among the events. */
  readonly listen = (event: TrainingEvent): void => {
    if (event.kind !== "measured") return;
    const { split, values, position } = event;
    const { step, epoch } = position;
    this.lines.write({ step, epoch, split, values });
    const named = Object.entries(values).map(([name, value]) => [`${split}/${name}`, value]);
    this.events.scalars(step, Object.fromEntries(named));
  };

  close(): void {
    this.lines.close();
    this.events.close();
  }
}
