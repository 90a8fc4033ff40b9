import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readText } from "../../checkpoint/index.js";
import type { Config } from "../../config/config.js";
import { leavesOf } from "../../config/paths.js";
import type { SearchSpace } from "../../config/search-space.js";
import { CheckpointError, ConfigError } from "../../errors.js";
import { writeJson } from "../../saved/run-directory.js";
import { showValue } from "../../show-value.js";
import { parseUntrusted } from "../../untrusted.js";

/** The file of a search directory, beside the run directories of its trials. */
export const SEARCH_FILE = "search.json";

const resultSchema = z.strictObject({
  trial: z.int().positive(),
  rung: z.int().nonnegative(),
  /** Training steps done, in all rungs. */
  step: z.int().nonnegative(),
  /** The best value of the metric on the validation split; absent if the trial failed. */
  value: z.number().optional(),
  /** Why the trial failed. */
  failure: z.string().optional(),
  /** The part of the whole training that this rung added. */
  part: z.number(),
  /** Seconds of this rung. */
  seconds: z.number(),
});

/** A trial at the end of a rung. */
export type TrialResult = z.output<typeof resultSchema>;

/** What determines the course of a search. */
export interface SearchPlan {
  readonly metric: string;
  readonly seed: number;
  readonly rungs: readonly number[];
  readonly space: SearchSpace;
  /** The resolved config that the trials vary. */
  readonly config: Config;
}

const recordSchema = z.object({
  plan: z.record(z.string(), z.unknown()),
  results: z.array(resultSchema),
});

export async function writeRecord(
  directory: string,
  plan: SearchPlan,
  results: readonly TrialResult[],
): Promise<void> {
  await writeJson(directory, SEARCH_FILE, { plan, results });
}

/**
 * The results of a search to resume.
 * @throws CheckpointError if there is none or it is damaged, ConfigError if it is another search
 */
export async function readRecord(directory: string, plan: SearchPlan): Promise<TrialResult[]> {
  const path = join(directory, SEARCH_FILE);
  if (!existsSync(path)) throw noSearch(directory);
  const parsed = recordSchema.safeParse(parseUntrusted(await readText(path)));
  if (!parsed.success)
    throw new CheckpointError({
      what: "the record of the search is damaged",
      where: path,
      got: z.prettifyError(parsed.error),
      next: "Start a new search.",
    });
  refuseOther(parsed.data.plan, plan);
  return parsed.data.results;
}

/** @throws CheckpointError if the directory has a search already */
export function refuseSearch(directory: string): void {
  if (!existsSync(join(directory, SEARCH_FILE))) return;
  throw new CheckpointError({
    what: "the directory already has a search",
    where: directory,
    got: SEARCH_FILE,
    expected: "a new directory",
    next: "Resume that search (--resume), or name another directory (--run).",
  });
}

function refuseOther(before: unknown, plan: SearchPlan): void {
  const [there, here] = [before, JSON.parse(JSON.stringify(plan))].map((each) => leavesOf(each));
  const path = [...new Set([...there.keys(), ...here.keys()])].find(
    (key) => JSON.stringify(there.get(key)) !== JSON.stringify(here.get(key)),
  );
  if (path === undefined) return;
  throw new ConfigError({
    what: "the search differs from the one that started in this directory",
    where: path,
    got: showValue(here.get(path)),
    expected: showValue(there.get(path)),
    next: "Restore the value, or start a new search.",
  });
}

function noSearch(directory: string): CheckpointError {
  return new CheckpointError({
    what: "there is no search to resume",
    where: directory,
    got: `no ${SEARCH_FILE}`,
    expected: "a directory that `pairloom search` wrote",
    next: "Name the directory with --run, or remove --resume.",
  });
}
