/** The parts of an error message. */
export interface ErrorReport {
  /** What went wrong, in one sentence without a final full stop. */
  what: string;
  /** Where: a config path (`model.dense.mlp[1]`), a file and line, a graph node. */
  where?: string;
  got?: string;
  expected?: string;
  /** What the reader can do next. */
  next?: string;
}

/** Base class of all errors that Pairloom raises on purpose. The message has what, where, got, expected and next. */
export class PairloomError extends Error {
  readonly report: ErrorReport;

  constructor(report: ErrorReport, options?: ErrorOptions) {
    super(formatReport(report), options);
    this.name = new.target.name;
    this.report = report;
  }
}

/** The config is invalid; `where` is the path in it. */
export class ConfigError extends PairloomError {}
/** A source, row or column does not match the config. */
export class DataError extends PairloomError {}
/** A graph breaks a shape or type rule of an operation. */
export class GraphError extends PairloomError {}
/** A program, a backend or the native core refused to run. */
export class ExecutionError extends PairloomError {}
/** A checkpoint or run directory is missing, damaged or of another format. */
export class CheckpointError extends PairloomError {}

/**
 * The message of any thrown value, to be quoted in another message: of an error of Pairloom one line without the next step,
 * since the error that quotes it has its own.
 */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof PairloomError)) return thrown instanceof Error ? thrown.message : String(thrown);
  const { where, what, got } = thrown.report;
  return [where, what, got].filter((part) => part !== undefined).join(": ");
}

function formatReport({ what, where, got, expected, next }: ErrorReport): string {
  const lines = [where ? `${where}: ${what}` : what];
  if (got !== undefined) lines.push(`  got:      ${got}`);
  if (expected !== undefined) lines.push(`  expected: ${expected}`);
  if (next !== undefined) lines.push(`  next:     ${next}`);
  return lines.join("\n");
}

/** Works, then cleans up. Where both fail, the error of the work is thrown: the other one follows from it, or says less. */
export async function cleanedUp<T>(work: () => Promise<T>, cleanUp: () => Promise<void>): Promise<T> {
  const done = await work().catch(async (error) => {
    await cleanUp().catch(() => {});
    throw error;
  });
  await cleanUp();
  return done;
}
