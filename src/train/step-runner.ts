import type { Executable, RunResult } from "../backends/backend.js";
import type { Column, ColumnSet } from "../columns/columns.js";
import { broadcastJson, type World } from "../distributed/world.js";
import { CallPacer } from "./call-pacer.js";
import { refuseInfiniteLoss } from "./diverged.js";
import { rateScalars, type ScheduleStates } from "./learning-rates.js";
import { OverlapChoice } from "./overlap-choice.js";
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

/** Runs a training program over its data, in calls of about 0.25 s. */
export class StepRunner {
  /** Total seconds in the program. */
  seconds = 0;
  /** Total rows trained on. */
  rows = 0;
  private readonly pacer = new CallPacer();
  private readonly overlap = new OverlapChoice();
  private program: { readonly overlaps: boolean; readonly executable: Executable };

  /** @param compile the training program, for ranks that compute while they exchange or that do not */
  constructor(
    private readonly compile: (overlaps: boolean) => Executable,
    private readonly data: ColumnSet,
    private readonly settings: StepSettings,
  ) {
    this.program = { overlaps: false, executable: compile(false) };
  }

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
    const { steps: pace, overlaps } = await broadcastJson(world, {
      steps: this.pacer.steps,
      overlaps: this.overlap.overlaps,
    });
    const steps = Math.min(most, pace);
    if (overlaps !== this.program.overlaps) this.program = { overlaps, executable: this.compile(overlaps) };
    const start = epochStep * batchSize;
    const count = Math.min(steps * batchSize, rows - start);
    const started = performance.now();
    const exchanged = exchangingSeconds(world);
    const result = await this.program.executable.run({
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
    const seconds = (performance.now() - started) / 1000;
    this.account(steps, count, seconds);
    if (world.size > 1)
      this.overlap.observe({ steps, seconds, exchanging: exchangingSeconds(world) - exchanged });
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

/** That this rank has spent in exchanges, with waiting for others. */
function exchangingSeconds(world: World): number {
  return world.traffic().reduce((sum, { nanoseconds }) => sum + nanoseconds, 0) / 1e9;
}
