import type { Rows } from "../serve/cells.js";
import type { RankedItem, RankRequest } from "../serve/rank.js";
import { busy, waitedTooLong } from "./refusals.js";
import type { Limits } from "./settings.js";
import type { Version } from "./version.js";

type Row = Readonly<Record<string, unknown>>;

/** A request that waits. Those with `rows` can be scored together. */
interface Job {
  readonly version: Version;
  readonly rows?: readonly Row[];
  readonly arrived: number;
  readonly score: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Rows that are scored in one call. */
const MOST_ROWS = 1024;
/** Milliseconds of scoring after which the event loop accepts, refuses and answers other requests. */
const SLICE = 4;

/**
 * Scores the requests that arrive in one turn of the event loop after they all have arrived, those for the same version together:
 * one call with many rows costs less than many calls. Its length is bounded, and so is the time that a request waits.
 */
export class ScoringQueue {
  private jobs: Job[] = [];
  private scheduled = false;

  constructor(
    private readonly limits: Pick<Limits, "waiting" | "deadline">,
    private readonly onBatch: (rows: number) => void,
  ) {}

  get waiting(): number {
    return this.jobs.length;
  }

  /** @throws RequestError if the queue is full */
  refuseIfFull(): void {
    if (this.jobs.length >= this.limits.waiting) throw busy();
  }

  /** Predictions [rows, outputs]. */
  predict(version: Version, rows: Rows<Row>): Promise<Float32Array> {
    const list = Array.isArray(rows) ? (rows as readonly Row[]) : undefined;
    return this.add(version, () => version.predictor.predict(rows), list);
  }

  rank(version: Version, request: RankRequest): Promise<RankedItem[]> {
    return this.add(version, () => version.predictor.rank(request));
  }

  private add<T>(version: Version, score: () => T, rows?: readonly Row[]): Promise<T> {
    this.refuseIfFull();
    if (!this.scheduled) setImmediate(() => this.run());
    this.scheduled = true;
    return new Promise<T>((resolve, reject) => {
      this.jobs.push({ version, rows, score, arrived: performance.now(), resolve, reject });
    });
  }

  private run(): void {
    const start = performance.now();
    while (this.jobs.length > 0 && performance.now() - start < SLICE) this.scoreSome(performance.now());
    this.scheduled = this.jobs.length > 0;
    if (this.scheduled) setImmediate(() => this.run());
  }

  private scoreSome(now: number): void {
    const [first] = this.jobs;
    if (now - first.arrived > this.limits.deadline) {
      this.jobs.shift();
      first.reject(waitedTooLong());
    } else if (first.rows === undefined) settle(this.jobs.shift()!);
    else this.scoreTogether(first);
  }

  /** Scores the jobs at the beginning of the queue that go together with the first. */
  private scoreTogether(first: Job): void {
    let [count, rows] = [0, 0];
    for (const job of this.jobs) {
      if (job.rows === undefined || job.version !== first.version) break;
      if (count > 0 && rows + job.rows.length > MOST_ROWS) break;
      rows += job.rows.length;
      count++;
    }
    this.onBatch(rows);
    if (count === 1) settle(this.jobs.shift()!);
    else settleTogether(this.jobs.splice(0, count));
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
