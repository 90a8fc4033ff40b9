import { asDiskError } from "../checkpoint/disk.js";
import { PairloomError } from "../errors.js";
import { version } from "../version.js";

export const EXIT = { done: 0, user: 1, internal: 2, interrupted: 130 } as const;

/** Errors of the system that the user must fix: the message is enough, a stack trace does not help. */
const MACHINE_CODES = [
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOSPC",
  "EDQUOT",
  "EISDIR",
  "ENOTDIR",
  "EMFILE",
  "ENFILE",
  "EBUSY",
  "EFBIG",
  "EIO",
  "ENXIO",
  "ESTALE",
  "ETIMEDOUT",
];

export function exitCodeOf(error: unknown): number {
  return errorOfUser(error) ? EXIT.user : EXIT.internal;
}

export function printError(error: unknown): void {
  console.error(errorText(error));
}

/** A short message for a user error; a stack trace and a request to report for a bug. */
export function errorText(error: unknown): string {
  const known = errorOfUser(error);
  if (known) return `error: ${known.message}`;
  const trace = error instanceof Error ? (error.stack ?? error.message) : error;
  return (
    `${trace}\n\nThis is a bug in Pairloom ${version}, not in your config or data. Please report it with the text above, ` +
    "the command line and the output of `npx pairloom doctor`."
  );
}

/** `undefined` for a bug. The errors of files that nobody expected, such as those of Node's own loader, get a next step. */
function errorOfUser(error: unknown): Error | undefined {
  if (error instanceof PairloomError) return error;
  if (!(error instanceof Error)) return undefined;
  const { code = "", path = "" } = error as NodeJS.ErrnoException;
  if (!MACHINE_CODES.includes(code)) return undefined;
  return asDiskError(error, "the operating system refused a file operation", path) as Error;
}
