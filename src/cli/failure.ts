import { PairloomError } from "../errors.js";
import { version } from "../version.js";

export const EXIT = { done: 0, user: 1, internal: 2, interrupted: 130 } as const;

/** Errors of the system that the user must fix: the message is enough, a stack trace does not help. */
const MACHINE_CODES = ["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EISDIR", "ENOTDIR", "EMFILE"];

export function exitCodeOf(error: unknown): number {
  return isForUser(error) ? EXIT.user : EXIT.internal;
}

/** Prints a short message for a user error; a stack trace and a request to report for a bug. */
export function printError(error: unknown): void {
  if (isForUser(error)) {
    console.error(`error: ${error.message}`);
    return;
  }
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  console.error(
    `\nThis is a bug in Pairloom ${version}, not in your config or data. Please report it with the text above, ` +
      "the command line and the output of `npx pairloom doctor`.",
  );
}

function isForUser(error: unknown): error is Error {
  if (error instanceof PairloomError) return true;
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return MACHINE_CODES.includes(code);
}
