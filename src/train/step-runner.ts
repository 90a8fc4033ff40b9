import type { Executable, RunResult } from "../backends/backend.js";
import type { Column, ColumnSet } from "../columns/columns.js";
import { broadcastJson, type World } from "../distributed/world.js";
import { CallPacer } from "./call-pacer.js";
import { refuseInfiniteLoss } from "./diverged.js";
import { rateScalars, type ScheduleStates } from "./learning-rates.js";
import { LOSS } from "./step/model-graphs.js";
import type { LearningRate } from "./step/optimizer-groups.js";
import type { Position } from "./training-state.js";

export interface StepSettings {
  /** Rows per step. */
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /** The values of masked inputs in masked samples: columns of one row. */
  readonly masked?: ReadonlyMap<string, Column>;
  readonly rates: readonly LearningRate[];
  /** Outputs of the program to return in addition to the losses. */
  readonly outputs: readonly string[];
  /** The ranks that run the steps together: rank 0 sets the pace. */
  readonly world: World;
}

/** Number of steps completed. */
export interface StepsRun {
  readonly steps: number;
  readonly rows: number;
  /** The loss of each step. */
  readonly losses: Float32Array;
  /** The outputs requested in the settings, and the losses. */
  readonly outputs: RunResult;
}

/** Runs a training program over its data, in calls of about 0.1 s. */
export class StepRunner {
  /** Total seconds in the program. */
  seconds = 0;
  /** Total rows trained on. */
  rows = 0;
  private readonly pacer = new CallPacer();

  constructor(
    private readonly program: Executable,
    private readonly data: ColumnSet,
    private readonly settings: StepSettings,
  ) {}

  /**
   * Makes one call: at most `most` steps of an epoch, beginning at `position`.
   * @throws DivergedError naming the step whose loss is not finite
   */
  async run(
    { step, epoch, epochStep }: Position,
    most: number,
    schedules: ScheduleStates,
  ): Promise<StepsRun> {
    const { batchSize, seed, shuffle, masked, rates, outputs, world } = this.settings;
    const { columns, rows } = this.data;
    const steps = Math.min(most, await broadcastJson(world, this.pacer.steps));
    const start = epochStep * batchSize;
    const count = Math.min(steps * batchSize, rows - start);
    const started = performance.now();
    const result = await this.program.run({
      columns,
      masked,
      rows,
      start,
      count,
      batch: batchSize,
      shuffle: shuffle ? { seed, epoch } : undefined,
      seed,
      firstStep: step,
      scalars: rateScalars(rates, schedules, { step, epoch }, steps),
      outputs: [LOSS, ...outputs],
    });
    this.account(steps, count, (performance.now() - started) / 1000);
    const losses = result.get(LOSS)!;
    refuseInfiniteLoss(losses, step);
    return { steps, rows: count, losses, outputs: result };
  }

  private account(steps: number, rows: number, seconds: number): void {
    this.pacer.observe(steps, seconds);
    this.seconds += seconds;
    this.rows += rows;
  }
}
