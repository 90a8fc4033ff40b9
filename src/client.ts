/** The exports of `pairloom/client`: a client of `pairloom serve`, which needs neither the native core nor any package. */

import { type ErrorReport, PairloomError } from "./errors.js";
import type { ColumnsOf } from "./serve/cells.js";
import type { RankedItem, RankRequest } from "./serve/rank.js";
import type { LabelOf, RowOf } from "./serve/row.js";

export type { RankedItem, RankRequest } from "./serve/rank.js";
export type { LabelOf, RowOf } from "./serve/row.js";

export interface ClientOptions {
  /** The token of the server. */
  readonly token?: string;
  /** Milliseconds for a request with its repetitions; default 5000. */
  readonly timeout?: number;
  /** How often a request is repeated that the server was too busy for; default 2. */
  readonly retries?: number;
}

/** What decides which model answers. */
export interface Choice {
  /** The name of a model of the server. */
  readonly model?: string;
  /** Requests with the same key have the same model. */
  readonly key?: string;
}

/** Milliseconds before the next try, where the answer does not say how long to wait. */
const DEFAULT_WAIT = 1000;

interface Answered {
  /** The name of the model that has answered. */
  readonly model: string;
  /** Its version, such as `step-00000500`. */
  readonly version: string;
}

/** Of one label a number for each row; of several a list by label; of classes a list for each row. */
export type Scores<Label extends string> = number[] | Record<Label, number[]> | number[][];

/** A server refuses a request, or cannot be reached; the message is the server's. */
export class ServerError extends PairloomError {
  constructor(
    /** Of HTTP; 0 if there was no answer. */
    readonly status: number,
    report: ErrorReport,
    options?: ErrorOptions,
  ) {
    super(report, options);
  }
}

/**
 * A client of `pairloom serve`.
 *
 * ```ts
 * import type config from "./pairloom.config.js";
 * const client = new Client<typeof config>("http://127.0.0.1:8080");
 * const { items } = await client.rank({ user: { user: "u1" }, items, k: 10 });
 * ```
 */
export class Client<C = unknown> {
  constructor(
    private readonly url: string,
    private readonly options: ClientOptions = {},
  ) {}

  /** @throws ServerError */
  predict(
    rows: readonly RowOf<C>[] | ColumnsOf<RowOf<C>>,
    choice?: Choice,
  ): Promise<Answered & { readonly scores: Scores<LabelOf<C>> }> {
    return this.post("/v1/predict", Array.isArray(rows) ? { rows } : { columns: rows }, choice);
  }

  /**
   * The best items, best first.
   * @throws ServerError
   */
  rank(
    request: RankRequest<RowOf<C>, LabelOf<C>>,
    choice?: Choice,
  ): Promise<Answered & { readonly items: readonly RankedItem[] }> {
    return this.post("/v1/rank", request, choice);
  }

  private async post<T>(path: string, body: object, choice: Choice = {}): Promise<T> {
    const { token, timeout = 5000, retries = 2 } = this.options;
    const query = new URLSearchParams({ ...choice }).toString();
    const request = {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body, asJson),
      signal: AbortSignal.timeout(timeout),
    };
    for (let left = retries; ; left--) {
      const response = await fetch(`${this.url}${path}${query && `?${query}`}`, request).catch(
        unreached(this.url),
      );
      if (response.status !== 503 || left === 0)
        return answerIn<T>(response.status, await response.text().catch(unreached(this.url)));
      await response.body?.cancel();
      await new Promise((done) => setTimeout(done, waitOf(response)));
    }
  }
}

/** Milliseconds before the next try. A proxy may give a date instead of seconds (RFC 9110, section 10.2.3). */
function waitOf({ headers }: Response): number {
  const after = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(after)) return Number(after) * 1000;
  const wait = Date.parse(after) - Date.now();
  return Number.isNaN(wait) ? DEFAULT_WAIT : Math.max(0, wait);
}

/** Values that JSON does not have, as the server reads them. */
function asJson(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as unknown as ArrayLike<unknown>);
  return value instanceof Map ? Object.fromEntries(value) : value;
}

const unreached =
  (url: string) =>
  (error: Error): never => {
    throw new ServerError(
      0,
      {
        what: "the server has not answered",
        where: url,
        got: error.message,
        next: "Check that the server runs there, or give it more time.",
      },
      { cause: error },
    );
  };

/** @throws ServerError for a refusal, and for what is no answer of `pairloom serve` */
function answerIn<T>(status: number, text: string): T {
  const body = parsed(text);
  if (status === 200 && body !== undefined) return body;
  throw new ServerError(
    status,
    body?.error ?? {
      what: `the server has answered with status ${status}`,
      got: text.slice(0, 200),
      next: "Check that the address is that of pairloom serve.",
    },
  );
}

/** Undefined for what is no JSON. */
function parsed(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
