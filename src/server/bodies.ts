import { isUtf8 } from "node:buffer";
import type { FastifyInstance } from "fastify";
import { DataError } from "../errors.js";
import type { Rows } from "../serve/cells.js";
import type { RankRequest } from "../serve/rank.js";
import { showValue } from "../show-value.js";
import { ARROW, ArrowBody, parseArrow } from "./arrow.js";
import { RequestError } from "./refusals.js";

type Row = Readonly<Record<string, unknown>>;

/** Bodies are JSON, or a stream of Arrow with the rows or the items. */
export function addBodyParsers(app: FastifyInstance, mostRows: number): void {
  app.removeContentTypeParser(["text/plain", "application/json"]);
  // Without the search for __proto__ that Fastify's own parser begins with: no member of a body is copied by its name.
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, bytes, done) => {
    try {
      done(null, parseJson(bytes as Buffer));
    } catch (error) {
      done(notJson((error as Error).message));
    }
  });
  app.addContentTypeParser(ARROW, { parseAs: "buffer" }, (_request, bytes, done) => {
    try {
      done(null, parseArrow(bytes as Buffer, mostRows));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** Other bytes than those of UTF-8 would become U+FFFD, so that several ids are one. */
function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new SyntaxError("bytes that are not UTF-8");
  return JSON.parse(bytes.toString());
}

function notJson(got: string): RequestError {
  return new RequestError(400, {
    what: "the body is not JSON",
    where: "the body",
    got,
    next: "See /docs for the requests that the server takes.",
  });
}

/** Compressed bodies are not read: a small one may be endless. */
export function refuseCompressed(encoding: string | undefined): void {
  if (encoding === undefined || encoding === "identity") return;
  throw new RequestError(415, {
    what: "the body is compressed",
    where: "the header Content-Encoding",
    got: encoding,
    expected: "no compression",
    next: "Send the body as it is, or as Arrow, which is compact.",
  });
}

/** The rows of a request to predict. */
export function rowsOf(body: unknown): Rows<Row> {
  if (isArrow(body)) return body.columns;
  const { rows, columns, ...others } = membersOf(body, PREDICT);
  const [other] = Object.keys(others);
  if (other === undefined && (rows === undefined) !== (columns === undefined))
    return (rows ?? columns) as Rows<Row>;
  throw badBody(body, other === undefined ? PREDICT : `${PREDICT}, without ${other}`);
}

export function rankRequestOf(body: unknown): RankRequest {
  if (isArrow(body)) return { ...body.request, items: body.columns } as RankRequest;
  const { user, context, items, k, by, ...others } = membersOf(body, RANK);
  const [other] = Object.keys(others);
  if (other !== undefined) throw badBody(body, `${RANK}, without ${other}`);
  return { user, context, items, k, by } as RankRequest;
}

/** The number of rows of a request, before they are checked. */
export function countOf(rows: unknown): number {
  if (Array.isArray(rows)) return rows.length;
  if (typeof rows !== "object" || rows === null) return 0;
  return Math.max(
    0,
    ...Object.values(rows).map((column) => (column as ArrayLike<unknown> | null)?.length ?? 0),
  );
}

const PREDICT = "an object with rows or columns";
const RANK = "an object with user, context, items, k and by";

const isArrow = (body: unknown): body is ArrowBody => body instanceof ArrowBody;

function membersOf(body: unknown, expected: string): Row {
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Row;
  throw badBody(body, expected);
}

function badBody(body: unknown, expected: string): DataError {
  return new DataError({
    what: "the body does not have the form of the request",
    where: "the body",
    got: showValue(body),
    expected,
    next: "See /docs for the requests that the server takes.",
  });
}
