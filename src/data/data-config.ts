import { z } from "zod";
import { featureName } from "../features/schema/feature-fields.js";
import { labelNames } from "../features/targets.js";
import { showValue } from "../show-value.js";
import { toRowJson, UnsavableValue } from "./row-json.js";
import { splitNames, splitSchema } from "./split/split-config.js";

export { type SplitName, splitNames } from "./split/split-config.js";

/**
 * The data section of a config: where examples come from, how they are split, and which column is the label.
 * `docs/data.md` is the reference.
 */

/** The keys of a source that are for text files; `types` is also allowed for JSON. */
export const TEXT_KEYS = [
  "header",
  "columns",
  "delimiter",
  "skip",
  "types",
  "nullValues",
  "encoding",
  "decimal",
  "trim",
] as const;

export type TextKey = (typeof TEXT_KEYS)[number];

export function isTextKey(key: string): key is TextKey {
  return (TEXT_KEYS as readonly string[]).includes(key);
}

/** True if sources of a format have a key of {@link TEXT_KEYS}. */
export function hasTextKey(format: string, key: TextKey): boolean {
  return format === "csv" || format === "tsv" || (format === "json" && key === "types");
}

/** Rows in the form in which a config is saved, so that a run, its resumption and its evaluation read the same rows. */
const rowsSchema = z
  .array(z.record(z.string(), z.unknown()))
  .min(1)
  .check((context) => {
    context.value = context.value.map((row, r) => {
      const cell = ([column, value]: [string, unknown]) => [column, cellJson(value, [r, column], context)];
      return Object.fromEntries(Object.entries(row).map(cell));
    });
  });

function cellJson(value: unknown, path: [number, string], { issues }: z.core.ParsePayload): unknown {
  try {
    return toRowJson(value);
  } catch (error) {
    if (!(error instanceof UnsavableValue)) throw error;
    const what = "a value of rows cannot be saved with the config";
    const next = "Convert the value, for example a Set to an array, or leave out the column.";
    const params = { what, got: showValue(value), expected: error.expected, next };
    issues.push({ code: "custom", input: value, path, message: what, params });
    return undefined;
  }
}

const path = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** How the rows of a source are written. */
const readingFields = {
  /** Files or glob patterns, read in the order given (a glob's files in name order). */
  path: path.optional(),
  /** Default: from the extension, ignoring a final `.gz` or `.zst`. */
  format: z.enum(["csv", "tsv", "parquet", "json", "libsvm", "libffm"]).optional(),
  /** Whether text files start with a line of column names; by default they do unless `columns` is set. */
  header: z.boolean().optional(),
  /** Column names for a text file without a header. */
  columns: z.array(z.string().min(1)).min(1).optional(),
  /** The separator of a csv file; default a comma. */
  delimiter: z.string().min(1).max(4).optional(),
  /** Number of lines to skip at the top of a text file, before the header. */
  skip: z.int().min(1).optional(),
  /** SQL types for columns of text files, instead of detected types: `{ zip: "VARCHAR" }`. */
  types: z.record(z.string(), z.string().regex(/^[\w ,()[\]]+$/, "not a SQL type")).optional(),
  /** Texts that mean "missing" in text files, in addition to the empty field. */
  nullValues: z.array(z.string()).optional(),
  /** The encoding of text files; default UTF-8. `latin-1` is ISO 8859-1. `utf-16` has the byte order of the file. */
  encoding: z.enum(["utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"]).optional(),
  /** The decimal separator of text files; default a point. */
  decimal: z.enum([".", ","]).optional(),
  /** Removes white space around the fields of text files. A field of white space is then missing. */
  trim: z.boolean().optional(),
  /** Reads a column that a file lacks as missing in that file. By default every file must have the columns of the first. */
  union: z.boolean().optional(),
  /** A SELECT over the view `source` that derives columns or drops rows. */
  sql: z.string().min(1).optional(),
};

type Reading = z.output<z.ZodObject<typeof readingFields>>;

/** Checks a source of files or of something else, which has its own key and none of the keys that apply to files. */
function refineReading<Other extends string>(
  source: Reading & Readonly<Partial<Record<Other, unknown>>>,
  other: Other,
  textKeys: readonly TextKey[],
  context: z.core.$RefinementCtx,
): void {
  if ((source.path === undefined) === (source[other] === undefined))
    context.addIssue({ code: "custom", message: `give either path or ${other}` });
  if (source.columns !== undefined && new Set(source.columns).size !== source.columns.length)
    context.addIssue({ code: "custom", path: ["columns"], message: "column names must differ" });
  if (source[other] === undefined) return;
  for (const key of ["format", ...textKeys, "union"] as const)
    if (source[key] !== undefined)
      context.addIssue({
        code: "custom",
        path: [key],
        message: `${key} applies to files: omit it with ${other}`,
      });
}

/** Rows from memory, instead of files. */
const rows = rowsSchema.optional();

/** A table with a row for each event: a click, a purchase, a visit. */
const eventTableSchema = z
  .strictObject({
    ...readingFields,
    rows,
    /** The column, of events and of rows, that says whose event it is. */
    by: z.string().min(1),
    /** The column, of events and of rows, that says when: a row has the events before its own time. */
    time: z.string().min(1),
    /** Leave out events older than this: in seconds of dates and timestamps, else in the unit of the numbers in `time`. */
    window: z.number().positive().optional(),
    /** Keep only the newest events of a row, up to this number. */
    max: z.int().positive().optional(),
  })
  .superRefine((table, context) => refineReading(table, "rows", TEXT_KEYS, context));

/** By sequence, the table of events that it is built from. Features read its columns as `<sequence>.<column>`. */
const events = z.record(featureName, eventTableSchema).optional();

/** One object instead of a union of two shapes, for clear errors about wrong keys. */
export const sourceSchema = z
  .strictObject({ ...readingFields, rows, events })
  .superRefine((source, context) => refineReading(source, "rows", TEXT_KEYS, context));

/** A Kafka topic whose messages are JSON objects: rows as in a file of JSON lines. */
const topicSchema = z.strictObject({
  /** The name of the topic. */
  name: z.string().min(1),
  /** Brokers to ask for the others: `"host:port"`. */
  brokers: z.array(z.string().min(1)).min(1),
  /** The first message of a run that has read none: the oldest, the next to come, or an offset for each partition. */
  from: z
    .union([z.enum(["oldest", "newest"]), z.record(z.string().regex(/^\d+$/), z.int().min(0))])
    .default("oldest"),
  /** A stretch ends after this many messages … */
  rows: z.int().min(1).default(100_000),
  /** … or this long after its first message. */
  seconds: z.number().positive().default(60),
  /**
   * A consumer group that gets the offsets of every saved checkpoint, so that other programs see how far the run is. The run
   * itself goes on from its checkpoint.
   */
  group: z.string().min(1).optional(),
  /** Encrypt connections with TLS. */
  tls: z.boolean().default(false),
  /** Log in. */
  login: z
    .strictObject({
      /** The SASL mechanism of the brokers. */
      mechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]),
      /** The name of the user. */
      user: z.string().min(1),
      /** A file whose first line is the password. A config is saved with every checkpoint, so the password is not in it. */
      passwordFile: z.string().min(1),
    })
    .optional(),
});

/** The source of new rows: files, or a topic. */
const growingSourceSchema = z
  .strictObject({
    ...readingFields,
    /** Files or glob patterns, instead of a topic. */
    path: path.optional(),
    /** A Kafka topic, instead of files. Needs the package kafkajs. */
    topic: topicSchema.optional(),
    events,
  })
  .superRefine((source, context) => {
    // Messages are JSON.
    const fileOnly = TEXT_KEYS.filter((key) => !hasTextKey("json", key));
    refineReading(source, "topic", fileOnly, context);
  });

export const dataSchema = z
  .strictObject({
    /** One source for all splits, divided by `split`. */
    source: sourceSchema.optional(),
    /** How the rows of `source` are divided: by SQL predicates, by shares of a hash, or by time. */
    split: splitSchema.optional(),
    /** The source of the training split, instead of `source` and `split`. Features are learned from it too. */
    train: sourceSchema.optional(),
    /** The source of the validation split, used to choose the best checkpoint. */
    valid: sourceSchema.optional(),
    /** The source of the test split, measured once at the end. */
    test: sourceSchema.optional(),
    /**
     * The source of the rows that `train --continue` trains on; default `source` or `train`, as far as it has grown.
     */
    continue: growingSourceSchema.optional(),
    /**
     * A column whose values grow with new rows, such as a time: `train --continue` reads the rows above the last value,
     * instead of new files.
     */
    cursor: z.string().min(1).optional(),
    /**
     * The target column, a number or boolean. With several columns the model has one output per label, and metrics are
     * named after the label.
     */
    label: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    /** The column of row weights, numbers ≥ 0. */
    weight: z.string().min(1).optional(),
    /** Train on a random part of the rows with label 0, with weights that make up for the others. */
    sampleNegatives: z
      .strictObject({
        /** The part of these rows to keep. The rows have the weight 1 / keep. */
        keep: z.number().gt(0).lt(1),
        /** Seed of the draw. */
        seed: z.int().min(0).default(0),
      })
      .optional(),
    /** Maximum share of rows that may be quarantined; above it the run stops. */
    maxBadRows: z.number().min(0).max(1).default(0.01),
    /** Folder for packed data that later runs reuse. It may be deleted at any time. */
    cacheDir: z.string().min(1).default(".pairloom"),
  })
  .superRefine((data, context) => {
    const complain = (key: string, message: string) =>
      context.addIssue({ code: "custom", path: [key], message });
    if (data.cursor !== undefined && data.continue?.topic !== undefined)
      complain("cursor", "a topic has offsets, which say what is new: omit cursor");
    if (new Set(labelNames(data.label)).size < labelNames(data.label).length)
      complain("label", "labels must differ");
    if (data.source === undefined) {
      if (data.split !== undefined) complain("split", "split needs source: one source that is divided");
      else if (data.train === undefined) complain("train", "give either source and split, or train");
      return;
    }
    if (data.split === undefined)
      complain(
        "split",
        'source needs split: shares such as { train: 0.8, test: 0.2 }, or SQL predicates such as { train: "day < 25", valid: "day >= 25" }',
      );
    for (const name of splitNames)
      if (data[name] !== undefined)
        complain(name, `${name} is given together with source: keep one of the two`);
  });

export type TopicConfig = z.output<typeof topicSchema>;
export type GrowingSourceConfig = z.output<typeof growingSourceSchema>;
export type SourceInput = z.input<typeof sourceSchema>;
export type EventTableConfig = z.output<typeof eventTableSchema>;
export type SourceConfig = z.output<typeof sourceSchema>;
export type DataInput = z.input<typeof dataSchema>;
export type DataConfig = z.output<typeof dataSchema>;
