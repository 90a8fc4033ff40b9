import type { Rows } from "../serve/cells.js";
import type { RankedItem, RankRequest } from "../serve/rank.js";
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
  /** When it arrived, and the milliseconds of scoring until then. */
  readonly arrived: number;
  readonly scoredBefore: number;
  readonly score: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Rows that are scored in one call. */
const MOST_ROWS = 1024;
/** Milliseconds of scoring after which the event loop accepts, refuses and answers other requests. */
const SLICE = 4;
/** Milliseconds that a job takes, before one has been measured. */
const FIRST_PACE = 0.1;
/** So many may wait whatever the pace is: the first requests of a process take many times as long as later ones. */
const FEW = 16;
/** Milliseconds beside scoring, by one of scoring, under overload. */
const BESIDE = 3;
/** The share of the newest measurement in the pace, of which it is at most this multiple: it may be a pause of the process. */
const [NEWEST, MOST] = [0.1, 2];

/**
 * Scores the requests that arrive in one turn of the event loop after they all have arrived, those for the same version together:
 * one call with many rows costs less than many calls. The work that waits is bounded, and so is the time that a request waits.
 */
export class ScoringQueue {
  private jobs: Job[] = [];
  private scheduled = false;
  /** Milliseconds a job that others wait for, with what the event loop does in between. */
  private pace = FIRST_PACE;
  /** Milliseconds of scoring so far: a pause of the process is no work that waits. */
  private scored = 0;
  /** When the last turn has ended, and whether it has left jobs. */
  private ended = 0;
  private isBehind = false;

  constructor(
    private readonly limits: Pick<Limits, "waiting" | "work" | "deadline">,
    private readonly onBatch: (rows: number) => void,
  ) {}

  get waiting(): number {
    return this.jobs.length;
  }

  /** True if one more request would wait too long, by the pace of those before it, or if one has waited too long. */
  get isFull(): boolean {
    const { waiting, work } = this.limits;
    const { jobs, pace, scored } = this;
    if (jobs.length === 0) return false;
    const isLong = jobs.length >= Math.min(waiting, Math.max(FEW, work / pace));
    return isLong || scored - jobs[0].scoredBefore > work;
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
    if (this.isFull) throw busy();
    if (!this.scheduled) setImmediate(() => this.run());
    this.scheduled = true;
    return new Promise<T>((resolve, reject) => {
      const [arrived, scoredBefore] = [performance.now(), this.scored];
      this.jobs.push({ ...job, arrived, scoredBefore, resolve, reject });
    });
  }

  /**
   * However many requests are refused meanwhile, a quarter of the time goes to those that wait. A larger share would make turns longer
   * without end where refusing and answering take the rest: what arrives in a long turn makes the next one longer.
   */
  private run(): void {
    const [start, count] = [performance.now(), this.jobs.length];
    const others = this.isBehind ? start - this.ended : 0;
    const end = start + Math.max(SLICE, others / BESIDE);
    for (let now = start; this.jobs.length > 0 && now < end; now = performance.now()) this.scoreSome(now);
    this.ended = performance.now();
    this.scored += Math.min(this.ended - start, SLICE);
    const measured = (others + this.ended - start) / (count - this.jobs.length);
    this.pace += NEWEST * (Math.min(measured, MOST * this.pace) - this.pace);
    this.isBehind = this.jobs.length > 0;
    this.scheduled = this.isBehind;
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
