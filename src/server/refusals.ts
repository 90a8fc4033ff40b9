import { join } from "node:path";
import type { FastifyRequest, onRequestHookHandler } from "fastify";
import { DataError, type ErrorReport, PairloomError } from "../errors.js";
import { DivergedError } from "../train/diverged.js";
import type { ServedModel } from "./served-model.js";

/** A request that is refused with a status of HTTP. */
export class RequestError extends PairloomError {
  constructor(
    readonly status: number,
    report: ErrorReport,
  ) {
    super(report);
  }
}

/** Seconds after which a client that was refused may try again. */
export const RETRY_AFTER = "1";

export function busy(): RequestError {
  return overloaded("the server is busy");
}

export function waitedTooLong(): RequestError {
  return overloaded("the request has waited too long to be scored");
}

export function tooManyRows(rows: number, most: number): RequestError {
  return new RequestError(413, {
    what: "the request has too many rows",
    where: "the body",
    got: String(rows),
    expected: `at most ${most}`,
    next: "Send several requests, or start the server with a larger --rows.",
  });
}

/** The version that a model should have now cannot be served. What is no fault of its files is thrown as it is. */
export function notReloaded({ source, current }: ServedModel, thrown: unknown): unknown {
  if (!(thrown instanceof PairloomError)) return thrown;
  const { what, got } = thrown.report;
  const reason = got === undefined ? what : `${what}: ${got}`;
  return new RequestError(409, {
    what: `the version to be served cannot be opened, and ${current.name} serves on`,
    where: source.name,
    // Clients are not told where the files are.
    got: reason.replaceAll(join(source.path, "/"), ""),
    expected: "a checkpoint that is complete and scores",
    next: "Write the checkpoint again, then reload again.",
  });
}

function overloaded(what: string): RequestError {
  return new RequestError(503, {
    what,
    where: "the server",
    next: "Send the request again after the seconds in the header Retry-After, or start more servers.",
  });
}

/** A hook of Fastify that refuses what the check throws for. */
export const refusing =
  (check: (request: FastifyRequest) => void): onRequestHookHandler =>
  (request, _reply, done) => {
    let refused: Error | undefined;
    try {
      check(request);
    } catch (error) {
      refused = error as Error;
    }
    done(refused);
  };

export interface Refusal {
  readonly status: number;
  readonly error: ErrorReport;
}

/** Characters of each part of a report: an error may quote a name that is as long as the request. */
const LONGEST = 1000;

function shortened(report: ErrorReport): ErrorReport {
  const short = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text);
  return Object.fromEntries(
    Object.entries(report).map(([part, text]) => [part, text && short(text)]),
  ) as unknown as ErrorReport;
}

/** What a client is told about an error: never a stack trace, and of errors in the server only that there is one. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof RequestError) return { status: thrown.status, error: shortened(thrown.report) };
  if (thrown instanceof DivergedError) return { status: 422, error: shortened(thrown.report) };
  if (thrown instanceof DataError) return { status: 400, error: shortened(thrown.report) };
  const { statusCode = 500, message } = thrown as { statusCode?: number; message?: string };
  if (statusCode < 500) return refusal(statusCode, String(message));
  return {
    status: 500,
    error: { what: "the server could not answer", next: "Look for the request in the log of the server." },
  };
}

/** A refusal by Node or Fastify, which say what is wrong. */
export function refusal(status: number, message: string): Refusal {
  const what = message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, "");
  return { status, error: { what, next: "See /docs for the requests that the server takes." } };
}
