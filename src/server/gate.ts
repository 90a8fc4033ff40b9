import type { IncomingMessage, RequestListener } from "node:http";
import { busy, RETRY_AFTER } from "./refusals.js";
import type { ScoringQueue } from "./scoring-queue.js";

/** The paths of requests that are scored. */
export const PREDICT_PATH = "/v1/predict";
export const RANK_PATH = "/v1/rank";

interface Gate {
  readonly queue: ScoringQueue;
  /** Called with the path of a request that is refused. */
  readonly onRefusal: (path: string) => void;
  /** True if each answer closes its connection. */
  readonly isParting: () => boolean;
}

const BODY = JSON.stringify({ error: busy().report });
const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "content-length": Buffer.byteLength(BODY),
  "retry-after": RETRY_AFTER,
};

/**
 * Refuses requests to score while the queue is full, before anything else is done with them: with several times the load that a server
 * can answer, it is busy with refusing, which must cost much less than scoring.
 */
export function behindGate(
  listener: RequestListener,
  { queue, onRefusal, isParting }: Gate,
): RequestListener {
  return (request, response) => {
    if (isParting()) response.shouldKeepAlive = false;
    const path = queue.isFull ? scoringPath(request) : undefined;
    if (path === undefined) return listener(request, response);
    response.writeHead(503, HEADERS).end(BODY);
    onRefusal(path);
  };
}

function scoringPath({ url = "" }: IncomingMessage): string | undefined {
  return [PREDICT_PATH, RANK_PATH].find((path) => url.startsWith(path));
}
