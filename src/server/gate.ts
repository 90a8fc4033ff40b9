import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { busy, RETRY_AFTER } from "./refusals.js";
import type { ScoringQueue } from "./scoring-queue.js";

/** The paths of requests that are scored. */
export const PREDICT_PATH = "/v1/predict";
export const RANK_PATH = "/v1/rank";

interface Gate {
  readonly queue: ScoringQueue;
  /** Called with the path of a request that is refused. */
  readonly onRefusal: (path: string) => void;
  /** The answers that end later. */
  readonly answers: OpenAnswers;
}

/** Answers that have not ended. */
export class OpenAnswers {
  private readonly open = new Set<ServerResponse>();
  private closes = false;

  add(response: ServerResponse): void {
    response.shouldKeepAlive &&= !this.closes;
    this.open.add(response);
    response.once("close", () => this.open.delete(response));
  }

  /** From now on each answer closes its connection. */
  closeConnections(): void {
    this.closes = true;
    for (const response of this.open) response.shouldKeepAlive = false;
  }
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
export function behindGate(listener: RequestListener, { queue, onRefusal, answers }: Gate): RequestListener {
  return (request, response) => {
    answers.add(response);
    const path = scoringPath(request);
    if (path === undefined || !queue.refuses()) return listener(request, response);
    response.writeHead(503, HEADERS).end(BODY);
    onRefusal(path);
  };
}

function scoringPath({ url = "" }: IncomingMessage): string | undefined {
  return [PREDICT_PATH, RANK_PATH].find((path) => url.startsWith(path));
}
