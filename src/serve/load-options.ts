import { z } from "zod";
import { describeIssues } from "../config/issues.js";
import { ConfigError } from "../errors.js";
import { BACKEND_NAMES } from "../saved/backend.js";

const schema = z.strictObject({
  /** Default: the best on the validation split where one was measured, else the latest; a number is a step. */
  checkpoint: z.union([z.enum(["best", "latest"]), z.int().nonnegative()]).optional(),
  /** Default: native where it can be had. */
  backend: z.enum(BACKEND_NAMES).optional(),
  /** Native threads of one call; default 1, which is fastest for the few rows of a request. */
  threads: z.int().min(1).max(1024).optional(),
});

export type LoadOptions = Readonly<z.input<typeof schema>>;

/** @throws ConfigError for options that are not there, such as mistyped ones */
export function checkLoadOptions(options: unknown): LoadOptions {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const report = describeIssues(schema, parsed.error.issues, options);
  throw new ConfigError({ ...report, where: `load(): ${report.where}` });
}
