import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
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

/** Requests of one connection that wait for their answers: no well-behaved client sends more, and their answers would fill the memory. */
const MOST_PIPELINED = 100;

/** Answers that have not ended, by connection: of those that wait for others when it closes, no event tells the end. */
export class OpenAnswers {
  private readonly open = new Map<Socket, Set<ServerResponse>>();
  private closes = false;

  get count(): number {
    return this.all().length;
  }

  /** False for one too many: its connection is closed. */
  add(response: ServerResponse, { socket }: IncomingMessage): boolean {
    const answers = this.open.get(socket) ?? this.opened(socket);
    if (answers.size >= MOST_PIPELINED) {
      socket.destroy();
      return false;
    }
    response.shouldKeepAlive &&= !this.closes;
    answers.add(response);
    response.once("close", () => answers.delete(response));
    return true;
  }

  /** From now on each answer closes its connection. */
  closeConnections(): void {
    this.closes = true;
    for (const response of this.all()) response.shouldKeepAlive = false;
  }

  private opened(socket: Socket): Set<ServerResponse> {
    const answers = new Set<ServerResponse>();
    this.open.set(socket, answers);
    socket.once("close", () => this.open.delete(socket));
    return answers;
  }

  private all(): ServerResponse[] {
    return [...this.open.values()].flatMap((answers) => [...answers]);
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
    if (!answers.add(response, request)) return;
    const path = scoringPath(request);
    if (path === undefined || !queue.refuses()) return listener(request, response);
    response.writeHead(503, HEADERS).end(BODY);
    onRefusal(path);
  };
}

function scoringPath({ url = "" }: IncomingMessage): string | undefined {
  return [PREDICT_PATH, RANK_PATH].find((path) => url.startsWith(path));
}
