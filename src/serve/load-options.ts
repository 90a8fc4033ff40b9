import { z } from "zod";
import { describeIssues } from "../config/issues.js";
import { ConfigError } from "../errors.js";
import type { RawRow } from "../features/encoder.js";
import type { FeatureFunction } from "../features/kinds/define-kind.js";
import { BACKEND_NAMES } from "../saved/backend.js";

const schema = z
  .strictObject({
    /** Default: the best on the validation split if it was measured, else the latest. A number is a step. */
    checkpoint: z.union([z.enum(["best", "latest"]), z.int().nonnegative()]).optional(),
    /** Default: native if available, else reference. */
    backend: z.enum(BACKEND_NAMES).optional(),
    /** Native threads per call. Default 1, which is fastest for the few rows of a request. */
    threads: z.int().min(1).max(1024).optional(),
    /** The functions of `custom` features, by feature: loading runs no module that a checkpoint names. */
    functions: z
      .record(
        z.string(),
        z.custom<FeatureFunction>((value) => typeof value === "function"),
      )
      .optional(),
    /**
     * Import the modules that the checkpoint names, if they have not changed since training. They run with your permissions:
     * only for checkpoints that you trust. Default false.
     */
    importModules: z.boolean().optional(),
    /**
     * Events by sequence, oldest first or in any order: a row then names its user and time, and gets the history that it would have had in
     * training. More are added with `model.events.<sequence>.add(event)`.
     */
    events: z
      .record(
        z.string(),
        z.custom<Iterable<RawRow>>((value) => Symbol.iterator in Object(value) && typeof value !== "string"),
      )
      .optional(),
    /**
     * Use each newer version that appears in the directory, until `close()`. With `every`, looks for one after this number of
     * milliseconds; default 1000.
     */
    follow: z.union([z.boolean(), z.strictObject({ every: z.int().positive() })]).optional(),
  })
  .refine(({ follow, checkpoint = "latest" }) => !follow || checkpoint === "latest", {
    path: ["checkpoint"],
    message: "follow uses the latest version: leave checkpoint out, or follow",
  });

export type LoadOptions = Readonly<z.input<typeof schema>>;

/** @throws ConfigError for unknown options, such as misspelled ones */
export function checkLoadOptions(options: unknown): LoadOptions {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const report = describeIssues(schema, parsed.error.issues, options);
  throw new ConfigError({ ...report, where: `load(): ${report.where}` });
}
