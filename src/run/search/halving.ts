/**
 * Asynchronous successive halving with one worker: Li et al., "A system for massively parallel hyperparameter tuning", MLSys
 * 2020. Every trial is trained for the length of the first rung. The best third of a rung is trained on, to the next one.
 */

/** The share of a rung that goes on to the next one is 1 / ETA, and a rung is ETA times as long as the one before. */
const ETA = 3;
const MOST_RUNGS = 3;

/** A trial to train up to the end of a rung. */
export interface Job {
  /** From 1. */
  readonly trial: number;
  readonly rung: number;
}

/** The outcome of a job. */
export interface RungResult extends Job {
  /** The best value of the metric so far, as a number that is larger for a better one; absent if the trial failed. */
  readonly score?: number;
}

/** The length of each rung as a part of the whole training; fewer rungs where there are few trials to compare. */
export function rungsOf(trials: number): number[] {
  const rungs = Math.min(MOST_RUNGS, 1 + Math.floor(Math.log(trials) / Math.log(ETA) + 1e-9));
  return Array.from({ length: rungs }, (_, i) => ETA ** (i + 1 - rungs));
}

/**
 * What to train next: the best trial that belongs to the best third of its rung and has not gone on, from the highest rung down;
 * else a new trial. Undefined if there is nothing left. Depends on nothing but the results, so that a search that is repeated
 * takes the same way.
 */
export function nextJob(results: readonly RungResult[], trials: number, rungs: number): Job | undefined {
  for (let rung = rungs - 2; rung >= 0; rung--) {
    const done = results.filter((result) => result.rung === rung);
    const goneOn = new Set(results.filter((result) => result.rung === rung + 1).map(({ trial }) => trial));
    const best = ranked(done).slice(0, Math.floor(done.length / ETA));
    const next = best.find(({ trial }) => !goneOn.has(trial));
    if (next) return { trial: next.trial, rung: rung + 1 };
  }
  const started = results.filter(({ rung }) => rung === 0).length;
  return started < trials ? { trial: started + 1, rung: 0 } : undefined;
}

type Scored = RungResult & { readonly score: number };

/** The results with a score, best first; of equal ones the longer trained, then the older first. */
export function ranked(results: readonly RungResult[]): Scored[] {
  return results
    .filter((result): result is Scored => result.score !== undefined)
    .sort((a, b) => b.score - a.score || b.rung - a.rung || a.trial - b.trial);
}
