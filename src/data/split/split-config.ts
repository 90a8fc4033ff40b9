import { z } from "zod";
import { instantOf } from "../../features/instant.js";

/** The key `split`: how the rows of one source are divided. `docs/data.md` is the reference. */

export const splitNames = ["train", "valid", "test"] as const;
export type SplitName = (typeof splitNames)[number];

const part = z.union([z.string().min(1), z.number().gt(0).lt(1)]);

/** One object instead of a union of three shapes, for clear errors about wrong keys. */
export const splitSchema = z
  .strictObject({
    /** Split by a hash of this column, with shares: rows with the same value are in the same split. */
    by: z.string().min(1).optional(),
    /** Split by this column, a time or a number: the latest rows are the test split. */
    time: z.string().min(1).optional(),
    /** Seed of a random split with shares. Default 0. */
    seed: z.int().min(0).optional(),
    /** Rows for training and for learning features: a SQL predicate, a share, or the first time. */
    train: part.optional(),
    /** Rows for choosing the best checkpoint: a SQL predicate, a share, or the first time. */
    valid: part.optional(),
    /** Rows for the final measurement: a SQL predicate, a share, or the first time. */
    test: part.optional(),
  })
  .superRefine(refineSplit);

export type SplitConfig = z.output<typeof splitSchema>;

/** The splits that a config defines, in order. The share or the start of `train` may be left out. */
export function splitsOf(split: SplitConfig): SplitName[] {
  return splitNames.filter((name) => split[name] !== undefined || name === "train");
}

/** The parts that are given as numbers, with the rest of the rows for `train`; `undefined` if the parts are texts. */
export function sharesOf(split: SplitConfig): Readonly<Record<SplitName, number>> | undefined {
  const { train, valid = 0, test = 0 } = split;
  const given = [train ?? 0, valid, test];
  if (given.some((each) => typeof each === "string")) return undefined;
  const [, validShare, testShare] = given as number[];
  return {
    train: rounded((train as number | undefined) ?? 1 - validShare - testShare),
    valid: validShare,
    test: testShare,
  };
}

/** Removes the rounding errors of sums of shares: 0.1 + 0.2 is 0.3. */
export function rounded(share: number): number {
  return Number(share.toFixed(12));
}

function refineSplit(split: SplitConfig, context: z.core.$RefinementCtx<unknown>): void {
  const complain = (key: string, what: string, next: string) =>
    context.addIssue({ code: "custom", path: [key], message: what, params: { what, next } });
  const parts = splitNames.flatMap((name) => (split[name] === undefined ? [] : [split[name]]));
  const shares = parts.every((each) => typeof each === "number");
  const texts = parts.every((each) => typeof each === "string");
  if (split.by !== undefined && split.time !== undefined)
    complain("by", "a split is either by a hash (by) or by time", "Remove by or time.");
  else if (parts.length === 0)
    complain("test", "the split has no part", "Give a share, for example test: 0.1.");
  else if (!shares && !texts)
    complain("train", "the parts of a split are of different kinds", "Give shares only, or texts only.");
  else if (shares) refineShares(split, complain);
  else if (split.time !== undefined) refineStarts(split, complain);
  else refinePredicates(split, complain);
}

type Complain = (key: string, what: string, next: string) => void;

function refineShares(split: SplitConfig, complain: Complain): void {
  const { train, valid, test } = sharesOf(split)!;
  if (train <= 0 || rounded(train + valid + test) > 1)
    complain("train", "the shares are more than all rows", "Choose shares whose sum is at most 1.");
  if (split.time !== undefined && split.seed !== undefined)
    complain("seed", "a split by time draws nothing at random", "Remove seed.");
}

function refineStarts(split: SplitConfig, complain: Complain): void {
  if (split.seed !== undefined) complain("seed", "a split by time draws nothing at random", "Remove seed.");
  const given = splitNames.filter((name) => split[name] !== undefined);
  const kinds = given.map((name) => startKind(split[name] as string));
  for (const [i, name] of given.entries())
    if (kinds[i] === undefined)
      complain(
        name,
        "with time, a text is the time at which the split starts, and this is no time",
        'Write it as "2001-06-18" or "2001-06-18T12:00:00Z", with at most microseconds, or give a share such as 0.1.',
      );
    else if (kinds[i] !== (kinds[0] ?? kinds[i]))
      complain(
        name,
        "one split starts at a time and another at a number",
        "Give only times or only numbers.",
      );
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
/** DuckDB compares times in microseconds. */
const FINER = /\.\d{6}0*[1-9]/;

/** What a start is; `undefined` if it is neither a date that exists nor a number. */
export function startKind(text: string): "time" | "number" | undefined {
  if (Number.isFinite(instantOf(text)) && !FINER.test(text)) return "time";
  return NUMBER.test(text) && Number.isFinite(Number(text)) ? "number" : undefined;
}

function refinePredicates(split: SplitConfig, complain: Complain): void {
  for (const key of ["by", "seed"] as const)
    if (split[key] !== undefined)
      complain(
        key,
        `${key} is for a split with shares, and the parts are SQL predicates`,
        `Remove ${key}, or give shares such as train: 0.8, test: 0.2.`,
      );
  if (split.train === undefined)
    complain(
      "train",
      "the predicate of the training split is missing",
      "Add it: the other rows are not used.",
    );
}
