import type { Limits } from "./settings.js";

/** Milliseconds that a job takes, before one has been measured. */
const FIRST_PACE = 0.1;
/** The share of the newest measurement in the pace, of which it is at most this multiple: it may be a pause of the process. */
const [NEWEST, MOST] = [0.1, 4];
/** So many are never too many for a process whose load does not last: the first requests of a process take many times as long as later ones. */
const FEW = 16;
/** So many may always wait. */
const LEAST = 2;
/** How much longer a request may wait after a pause than under lasting load. */
const BURST = 10;
/** Milliseconds after which load lasts, and without a refusal after which it has ended. */
const LASTING = 500;

/** The end of a turn of the event loop that left jobs, and that of the turn before. */
interface Turns {
  readonly before: number;
  readonly last: number;
}

/**
 * Whether one more request may wait. Many arrive at once after a pause of the process, and are worked off: they may wait
 * {@link BURST} times as long as under lasting load, where a longer queue makes all requests wait and answers no more of them.
 * Sources: Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 2012; Maurer, "Fail at Scale", ACM Queue 2015.
 */
export class Admission {
  /** Milliseconds a job that others wait for, with what the event loop does in between. */
  private pace = FIRST_PACE;
  /** Undefined after a turn that left no jobs. */
  private turns?: Turns;
  /** Since when those that wait are more than lasting load allows. */
  private longSince = Infinity;
  private lastRefusal = -Infinity;

  constructor(private readonly limits: Pick<Limits, "waiting" | "work">) {}

  /** Notes a refusal. @param waiting the requests that wait already */
  refuses(waiting: number): boolean {
    const now = performance.now();
    if (waiting === 0 || waiting < this.room(now)) return false;
    this.lastRefusal = now;
    return true;
  }

  /**
   * A turn in which jobs were scored ends.
   * @param start when the first was scored
   * @param jobs how many were scored
   * @param waiting how many are left
   * @returns how many of these may wait on
   */
  endTurn(start: number, jobs: number, waiting: number): number {
    const now = performance.now();
    const before = this.turns?.last ?? start;
    const measured = (now - before) / jobs;
    this.pace += NEWEST * (Math.min(measured, MOST * this.pace) - this.pace);
    this.turns = waiting > 0 ? { before, last: now } : undefined;
    const isLong = waiting > Math.max(FEW, this.limits.work / this.pace);
    this.longSince = isLong ? Math.min(this.longSince, now) : Infinity;
    return this.isLasting(now) ? this.roomUnderLoad(0) : waiting;
  }

  private room(now: number): number {
    // What arrives now may have waited since the turn before.
    if (this.isLasting(now)) return this.roomUnderLoad(now - (this.turns?.before ?? now));
    const { waiting, work } = this.limits;
    return Math.min(waiting, Math.max(FEW, (BURST * work) / this.pace));
  }

  /** @param age milliseconds that the newest request may have waited before it was read */
  private roomUnderLoad(age: number): number {
    const { waiting, work } = this.limits;
    return Math.min(waiting, Math.max(LEAST, Math.floor((work - age) / this.pace)));
  }

  private isLasting(now: number): boolean {
    return now - this.lastRefusal < LASTING || now - this.longSince > LASTING;
  }
}
