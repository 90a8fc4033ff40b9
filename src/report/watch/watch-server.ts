import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError } from "../../errors.js";
import { chartsOf } from "../page/chart-groups.js";
import { curveTable, reportPage, stateText } from "../page/page.js";
import type { ReportData } from "../report-data.js";
import type { RunWatcher } from "./run-watcher.js";

const LOOPBACK = "127.0.0.1";

const TEXT = "text/plain; charset=utf-8";
const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
};

/**
 * Serves the page of a run on the loopback interface: `/`, `/report.json` and `/events` (server-sent events: `curves` with new
 * curves, `report` when the page should be loaded again). A request that names another host is refused: a web site whose name
 * leads to this machine (DNS rebinding) must not read it.
 */
export class WatchServer {
  private readonly server: Server;
  private readonly streams = new Set<ServerResponse>();

  constructor(private readonly watcher: RunWatcher) {
    this.server = createServer((request, response) => this.answer(request, response));
    watcher.onCurves = (data) => this.send("curves", curvesEvent(data));
    watcher.onReport = () => this.send("report", "{}");
  }

  /** Starts listening; port 0 takes a free one. @returns the address of the page */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", (error) => reject(cannotListen(port, error)));
      this.server.listen(port, LOOPBACK, resolve);
    });
    return `http://${LOOPBACK}:${this.port}/`;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    for (const stream of this.streams) stream.end();
    const closed = new Promise((resolve) => void this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { host } = request.headers;
    if (host !== `${LOOPBACK}:${this.port}` && host !== `localhost:${this.port}`)
      respond(response, 403, TEXT, "This server answers to 127.0.0.1 and localhost only.\n");
    else if (request.method !== "GET") respond(response, 405, TEXT, "Only GET is allowed.\n");
    else this.get(request.url, response);
  }

  private get(path: string | undefined, response: ServerResponse): void {
    const { data } = this.watcher;
    if (path === "/") respond(response, 200, "text/html; charset=utf-8", reportPage(data, { live: true }));
    else if (path === "/report.json") respond(response, 200, "application/json", JSON.stringify(data));
    else if (path === "/events") this.stream(response);
    else respond(response, 404, TEXT, "Not found.\n");
  }

  private stream(response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
    // The page may be older than the last change.
    response.write(eventText("curves", curvesEvent(this.watcher.data)));
  }

  private send(event: string, data: string): void {
    for (const stream of this.streams) stream.write(eventText(event, data));
  }
}

const eventText = (event: string, data: string): string => `event: ${event}\ndata: ${data}\n\n`;

/** One line, as an event needs it: JSON has no line breaks. */
function curvesEvent(data: ReportData): string {
  return JSON.stringify({
    charts: chartsOf(data),
    table: curveTable(data).text,
    state: stateText(data),
  });
}

function respond(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { ...HEADERS, "content-type": type }).end(body);
}

function cannotListen(port: number, error: Error): ConfigError {
  return new ConfigError(
    {
      what: "the page cannot be served on this port",
      where: "--port",
      got: `${port}: ${error.message}`,
      expected: "a free port",
      next: "Choose another port, or leave --port out to take a free one.",
    },
    { cause: error },
  );
}
