import { z } from "zod";
import type { Report } from "../run/report.js";
import { CONFIG_COPY, QUARANTINE, REPORT, readJson } from "../saved/run-directory.js";

const number = z.number();
const splitsSchema = z.record(
  z.string(),
  z.looseObject({
    rowsRead: number,
    rows: number,
    quarantined: number,
    reasons: z.record(z.string(), number),
    features: z.record(z.string(), z.object({ missing: number, unknown: number })).catch({}),
  }),
);

const tableSchema = z.object({
  size: number,
  capacity: number,
  admitted: number,
  evicted: number,
  lookups: number,
  hits: number,
  rejected: number,
  missing: z.boolean(),
  counts: z.enum(["age", "count"]),
  histogram: z.array(z.object({ from: number, to: number, keys: number })),
});

const tierSchema = z.object({
  rows: number,
  frames: number,
  lookups: number,
  hits: number,
  prefetched: number,
  reads: number,
  writes: number,
  bytesRead: number,
  bytesWritten: number,
  recordBytes: number,
  allocated: number,
});

/** What the page reads of `report.json`. Another version may have written it: a part of another form counts as absent. */
const reportSchema = z.object({
  backend: z.string().catch("unknown"),
  threads: number.catch(1),
  seconds: z.object({ prepare: number, train: number, total: number }).optional().catch(undefined),
  parameters: z.object({ model: number, optimizer: number }).optional().catch(undefined),
  training: z
    .object({
      reason: z.enum(["finished", "earlyStopping", "interrupted"]),
      step: number,
      epoch: number,
      rows: number,
      samplesPerSecond: number,
    })
    .optional()
    .catch(undefined),
  data: splitsSchema.optional().catch(undefined),
  measuredOn: z.enum(["test", "valid"]).optional().catch(undefined),
  results: z.array(z.looseObject({ name: z.string(), rows: number })).catch([]),
  tables: z.record(z.string(), tableSchema).optional().catch(undefined),
  tiers: z.record(z.string(), tierSchema).optional().catch(undefined),
  warnings: z.array(z.string()).catch([]),
});

/** `report.json`; undefined if the run has none or it is not an object. */
export async function readReport(runDir: string): Promise<Partial<Report> | undefined> {
  const found = reportSchema.safeParse(await readJson(runDir, REPORT));
  return found.success ? (found.data as unknown as Partial<Report>) : undefined;
}

/** The rows of each split, which are known before training starts; empty if not even these are known. */
export async function readSplits(runDir: string): Promise<Report["data"]> {
  const found = splitsSchema.safeParse(await readJson(runDir, QUARANTINE));
  return found.success ? (found.data as unknown as Report["data"]) : {};
}

/** `config.json`; undefined if there is none. */
export const readConfig = (runDir: string): Promise<unknown> => readJson(runDir, CONFIG_COPY);
