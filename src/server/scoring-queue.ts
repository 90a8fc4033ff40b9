import type { Rows } from "../serve/cells.js";
import type { RankedItem, RankRequest } from "../serve/rank.js";
import { Admission } from "./admission.js";
import { busy, waitedTooLong } from "./refusals.js";
import type { Limits } from "./settings.js";
import type { Version } from "./version.js";

type Row = Readonly<Record<string, unknown>>;

/** A request that waits. Those with `rows` can be scored together. */
interface Job {
  readonly version: Version;
  /** Rows, or items. */
  readonly size: number;
  readonly rows?: readonly Row[];
  readonly arrived: number;
  readonly score: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Rows that are scored in one call. */
const MOST_ROWS = 1024;
/** Milliseconds of scoring after which the event loop accepts, refuses and answers other requests. */
const SLICE = 1;

/**
 * Scores the requests that arrive in one turn of the event loop after they all have arrived, those for the same version together:
 * one call with many rows costs less than many calls. The work that waits is bounded, and so is the time that a request waits.
 */
export class ScoringQueue {
  private jobs: Job[] = [];
  private scheduled = false;
  private readonly admission: Admission;

  constructor(
    private readonly limits: Pick<Limits, "waiting" | "work" | "deadline">,
    private readonly onBatch: (rows: number) => void,
  ) {
    this.admission = new Admission(limits);
  }

  get waiting(): number {
    return this.jobs.length;
  }

  /** True if one more request would wait too long. The caller then refuses it. */
  refuses(): boolean {
    return this.admission.refuses(this.jobs.length);
  }

  /**
   * Predictions [rows, outputs].
   * @param size the number of rows
   */
  predict(version: Version, rows: Rows<Row>, size: number): Promise<Float32Array> {
    const list = Array.isArray(rows) ? (rows as readonly Row[]) : undefined;
    return this.add({ version, size, rows: list, score: () => version.predictor.predict(rows) });
  }

  /** @param size the number of items */
  rank(version: Version, request: RankRequest, size: number): Promise<RankedItem[]> {
    return this.add({ version, size, score: () => version.predictor.rank(request) });
  }

  /** @throws RequestError if the queue is full */
  private add<T>(job: Pick<Job, "version" | "size" | "rows"> & { score: () => T }): Promise<T> {
    if (this.refuses()) throw busy();
    if (!this.scheduled) setImmediate(() => this.run());
    this.scheduled = true;
    return new Promise<T>((resolve, reject) => {
      this.jobs.push({ ...job, arrived: performance.now(), resolve, reject });
    });
  }

  private run(): void {
    const [start, count] = [performance.now(), this.jobs.length];
    for (let now = start; this.jobs.length > 0 && now < start + SLICE; now = performance.now())
      this.scoreSome(now);
    const mayWait = this.admission.endTurn(start, count - this.jobs.length, this.jobs.length);
    for (const { reject } of this.jobs.splice(mayWait)) reject(busy());
    this.scheduled = this.jobs.length > 0;
    if (this.scheduled) setImmediate(() => this.run());
  }

  private scoreSome(now: number): void {
    const [first] = this.jobs;
    if (now - first.arrived > this.limits.deadline) this.jobs.shift()!.reject(waitedTooLong());
    else if (first.rows === undefined) settle(this.jobs.shift()!);
    else this.score(this.jobs.splice(0, this.together(first)));
  }

  private score(jobs: readonly Job[]): void {
    this.onBatch(jobs.reduce((sum, { size }) => sum + size, 0));
    if (jobs.length === 1) settle(jobs[0]);
    else settleTogether(jobs);
  }

  /** How many jobs at the beginning of the queue can be scored with the first. */
  private together(first: Job): number {
    let [count, rows] = [0, 0];
    for (const job of this.jobs) {
      if (job.rows === undefined || job.version !== first.version) break;
      if (count > 0 && rows + job.size > MOST_ROWS) break;
      rows += job.size;
      count++;
    }
    return count;
  }
}

function settleTogether(jobs: readonly Job[]): void {
  const { predictor } = jobs[0].version;
  let predictions: Float32Array;
  try {
    predictions = predictor.predict(jobs.flatMap(({ rows }) => rows!));
  } catch {
    // One of them is at fault: each is told of its own.
    jobs.forEach(settle);
    return;
  }
  let start = 0;
  for (const { rows, resolve } of jobs) {
    const end = start + rows!.length * predictor.outputs;
    resolve(predictions.slice(start, end) as never);
    start = end;
  }
}

function settle({ score, resolve, reject }: Job): void {
  try {
    resolve(score() as never);
  } catch (error) {
    reject(error);
  }
}
