import { z } from "zod";
import { labelNames } from "../features/targets.js";

/**
 * The data section of a config: where examples come from, how they are split, which column is the label.
 * `docs/data.md` is the reference.
 */

/** One object rather than a union of two shapes, so that a wrong key is reported as just that. */
export const sourceSchema = z
  .strictObject({
    /** Files or glob patterns, read in the order given (a glob's files in name order). */
    path: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
    /** Rows from memory, instead of files. */
    rows: z.array(z.record(z.string(), z.unknown())).min(1).optional(),
    /** Inferred from the extension when left out; a final `.gz` or `.zst` is looked through. */
    format: z.enum(["csv", "tsv", "parquet", "json"]).optional(),
    /** Whether text files start with a line of names; detected when left out. */
    header: z.boolean().optional(),
    /** Names for the columns of a text file without a header. */
    columns: z.array(z.string().min(1)).min(1).optional(),
    /** The separator of a csv file; default a comma. */
    delimiter: z.string().min(1).max(4).optional(),
    /** Lines at the top of a text file that are no data, before the header. */
    skip: z.int().min(1).optional(),
    /** SQL types of single columns of text files, over what is detected: `{ zip: "VARCHAR" }`. */
    types: z.record(z.string(), z.string().regex(/^[\w ,()[\]]+$/, "not a SQL type")).optional(),
    /** Texts that mean "missing" in text files, besides the empty field. */
    nullValues: z.array(z.string()).optional(),
    /** A SELECT over the view `source` that derives columns or drops rows. */
    sql: z.string().min(1).optional(),
  })
  .superRefine((source, context) => {
    if ((source.path === undefined) === (source.rows === undefined))
      context.addIssue({ code: "custom", message: "give either path or rows" });
    if (source.columns !== undefined && new Set(source.columns).size !== source.columns.length)
      context.addIssue({ code: "custom", path: ["columns"], message: "column names must differ" });
    const fileOnly = ["format", "header", "columns", "delimiter", "skip", "types", "nullValues"] as const;
    for (const key of fileOnly)
      if (source.rows !== undefined && source[key] !== undefined)
        context.addIssue({
          code: "custom",
          path: [key],
          message: `${key} is about files: leave it out with rows`,
        });
  });

const predicate = z.string().min(1);

export const dataSchema = z
  .strictObject({
    /** One source for all splits, told apart by `split`. */
    source: sourceSchema.optional(),
    /** SQL predicates over the columns of `source`; a row may satisfy one at most. */
    split: z
      .strictObject({
        /** Which rows to train on, and to learn features from. */
        train: predicate,
        /** Which rows choose the best checkpoint. */
        valid: predicate.optional(),
        /** Which rows to measure once, at the end. */
        test: predicate.optional(),
      })
      .optional(),
    /** The source of the training split, instead of `source` and `split`; also what the features are learnt from. */
    train: sourceSchema.optional(),
    /** The source of the validation split, which chooses the best checkpoint. */
    valid: sourceSchema.optional(),
    /** The source of the test split, which is measured once, at the end. */
    test: sourceSchema.optional(),
    /**
     * The column of the target: a number or a boolean. Several columns are several labels: the model has an output for
     * each, and metrics are named by their label.
     */
    label: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    /** The column of the sample weight: a number ≥ 0. */
    weight: z.string().min(1).optional(),
    /** The share of rows that may be quarantined before the run stops. */
    maxBadRows: z.number().min(0).max(1).default(0.01),
    /** Where packed data is kept from run to run; it may be removed at any time. */
    cacheDir: z.string().min(1).default(".pairloom"),
  })
  .superRefine((data, context) => {
    const complain = (key: string, message: string) =>
      context.addIssue({ code: "custom", path: [key], message });
    if (new Set(labelNames(data.label)).size < labelNames(data.label).length)
      complain("label", "labels must differ");
    if (data.source === undefined) {
      if (data.split !== undefined)
        complain("split", "split needs source: one source told apart by predicates");
      else if (data.train === undefined) complain("train", "give either source and split, or train");
      return;
    }
    if (data.split === undefined)
      complain(
        "split",
        'source needs split: SQL predicates such as { train: "day < 25", valid: "day >= 25" }',
      );
    for (const name of splitNames)
      if (data[name] !== undefined) complain(name, `${name} is given beside source: keep one of the two`);
  });

export const splitNames = ["train", "valid", "test"] as const;
export type SplitName = (typeof splitNames)[number];

export type SourceInput = z.input<typeof sourceSchema>;
export type SourceConfig = z.output<typeof sourceSchema>;
export type DataInput = z.input<typeof dataSchema>;
export type DataConfig = z.output<typeof dataSchema>;
