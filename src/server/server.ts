import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { Server as NetServer, type Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import Fastify, { type FastifyInstance, LogController } from "fastify";
import { AggregatorRegistry } from "prom-client";
import { ConfigError } from "../errors.js";
import { accessCheck, refuseOpenServer } from "./access.js";
import { addBodyParsers } from "./bodies.js";
import type { JoinFleet } from "./fleet.js";
import { behindGate, OpenAnswers } from "./gate.js";
import { addInfoRoutes } from "./info-routes.js";
import { Metrics } from "./metrics.js";
import { addEvents, addEventsRoute } from "./new-events.js";
import { RETRY_AFTER, type Refusal, refusal, refusalOf, refusing } from "./refusals.js";
import { ScoringQueue } from "./scoring-queue.js";
import { addScoringRoutes } from "./scoring-routes.js";
import type { ServedModels } from "./served-models.js";
import type { ServerSettings, TlsFiles } from "./settings.js";

/** Milliseconds between the steps of stopping. */
const STEP = 500;
/** Milliseconds in which connections end with an answer; those without a request are then closed. */
const MOST_PARTING = 2000;
/** Milliseconds between looks at how many connections are left. */
const LOOK = 50;
const MOST_HEADER_BYTES = 16_384;
/** Milliseconds for which a connection stays open without a request: longer than proxies keep theirs, which is a minute for most. */
const KEEP_ALIVE = 72_000;
/**
 * Connections that wait to be accepted, which takes one turn of the event loop. The kernel ignores further ones, and their clients try
 * again after seconds; it may have a lower limit.
 */
const BACKLOG = 4096;
const METHODS = ["GET", "HEAD", "POST"] as const;
/** Milliseconds between looks at connections whose request does not arrive: short, so that few of them end at the same time. */
const ARRIVAL_CHECK = 100;

/** Serves models over HTTP. */
export class ModelServer {
  readonly metrics: Metrics;
  private readonly app: FastifyInstance;
  private readonly answers = new OpenAnswers();
  private leaving?: Promise<void>;
  private stopping?: Promise<void>;

  /** @throws ConfigError for a server that anyone in a network could use */
  constructor(
    private readonly models: ServedModels,
    private readonly settings: ServerSettings,
    join: JoinFleet = alone,
  ) {
    refuseOpenServer(settings);
    const { limits } = settings;
    const queue: ScoringQueue = new ScoringQueue(limits, (rows) => this.metrics.batch(rows));
    this.metrics = new Metrics(
      models,
      () => this.answers.count,
      () => queue.waiting,
    );
    const gate = {
      queue,
      onRefusal: (path: string) => this.metrics.refused(path),
      answers: this.answers,
    };
    this.app = newApp(settings, (listener) => behindGate(listener, gate));
    this.app.server.maxConnections = limits.connections;
    this.addHooks();
    addBodyParsers(this.app, limits.rows);
    addScoringRoutes(this.app, { models, queue, metrics: this.metrics, settings });
    const fleet = join({
      reload: () => models.reload(),
      leave: () => this.leave(),
      addEvents: async (events) => addEvents(models, events),
      metrics: () => this.metrics.registry.getMetricsAsJSON(),
    });
    addEventsRoute(this.app, models, limits, fleet);
    addInfoRoutes(this.app, { models, limits, fleet, isReady: () => this.leaving === undefined });
  }

  /** Starts listening. @returns the address */
  async listen(): Promise<string> {
    const { host, port } = this.settings;
    this.app.log.info({ models: this.models.versions }, "serving");
    const listenTextResolver = (url: string) => `listening at ${url}`;
    return this.app.listen({ host, port, backlog: BACKLOG, listenTextResolver }).catch((error: Error) => {
      throw cannotListen(host, port, error);
    });
  }

  /**
   * Stops without losing a request that is on its way: the server {@link leave}s; then each answer closes its connection; then those
   * that stay without a request are closed, too. The steps are apart, because a client whose connection was closed opens another one,
   * which must not wait at a server that stops listening.
   */
  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  /** Accepts no more connections. `/ready` says so first, and connections that wait are still accepted. */
  private leave(): Promise<void> {
    this.leaving ??= this.stopListening();
    return this.leaving;
  }

  private async stopListening(): Promise<void> {
    this.app.log.info("stopping");
    await sleep(STEP);
    // After a turn of the event loop all connections that wait were accepted: where the process had to wait, they are many.
    await turn();
    // The method of HTTP servers would close idle connections, too.
    NetServer.prototype.close.call(this.app.server);
  }

  private async end(): Promise<void> {
    await this.leave();
    await sleep(STEP);
    this.answers.closeConnections();
    for (let waited = 0; waited < MOST_PARTING && (await this.connections()) > 0; waited += LOOK)
      await sleep(LOOK);
    // Likewise every request that has arrived was read.
    await turn();
    this.app.server.closeIdleConnections();
    const { arrival, deadline } = this.settings.limits;
    const force = setTimeout(() => this.app.server.closeAllConnections(), arrival + deadline);
    await this.app.close();
    clearTimeout(force);
    await this.models.close();
    this.app.log.info("stopped");
  }

  /** Those that a path takes. */
  private methodsOf(url: string): readonly string[] {
    return METHODS.filter((method) => this.app.hasRoute({ method, url }));
  }

  private connections(): Promise<number> {
    return promisify(this.app.server.getConnections.bind(this.app.server))();
  }

  private addHooks(): void {
    this.app.addHook("onRequest", refusing(accessCheck(this.settings)));
    this.app.addHook("onResponse", (request, reply, done) => {
      this.metrics.answered(request.routeOptions.url ?? "other", reply.statusCode, reply.elapsedTime);
      done();
    });
    this.app.setNotFoundHandler((request, reply) => {
      const { method, url } = request;
      const allowed = this.methodsOf(url.split("?", 1)[0]);
      if (allowed.length > 0) reply.header("allow", allowed.join(", "));
      const { status, error } = refusal(
        allowed.length > 0 ? 405 : 404,
        `There is no ${method} ${url.slice(0, 100)}`,
      );
      return reply.code(status).send({ error });
    });
    this.app.setErrorHandler((thrown, request, reply) => {
      const { status, error } = refusalOf(thrown);
      if (status === 500) request.log.error({ err: thrown, url: request.url }, "failed");
      if (status === 503) reply.header("retry-after", RETRY_AFTER);
      return reply.code(status).send({ error });
    });
  }
}

/** The fleet of the only process. */
const alone: JoinFleet = ({ reload, addEvents, metrics }) => ({
  reload,
  addEvents,
  metrics: async () => AggregatorRegistry.aggregate([await metrics()]).metrics(),
});

/** @param before what is done with a request before Fastify gets it */
function newApp(
  { limits, logLevel, tls }: ServerSettings,
  before: (listener: RequestListener) => RequestListener,
): FastifyInstance {
  const options = {
    headersTimeout: limits.arrival,
    requestTimeout: limits.arrival,
    keepAliveTimeout: KEEP_ALIVE,
    maxHeaderSize: MOST_HEADER_BYTES,
    connectionsCheckingInterval: ARRIVAL_CHECK,
  };
  return Fastify({
    logger: { level: logLevel },
    logController: new LogController({ disableRequestLogging: true }),
    // A logger for each request takes longer than to parse a small one.
    childLoggerFactory: (logger) => logger,
    bodyLimit: limits.body,
    return503OnClosing: false,
    forceCloseConnections: "idle",
    clientErrorHandler: refuseConnection,
    serverFactory: (listener) =>
      tls
        ? createSecureServer({ ...options, ...certificatesOf(tls) }, before(listener))
        : createServer(options, before(listener)),
  });
}

function certificatesOf({ cert, key, clientCa }: TlsFiles) {
  if (clientCa === undefined) return { cert, key };
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}

/** What is no HTTP, or does not arrive, has no request to answer. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const { status, error: report } = connectionRefusal(error.code);
  const body = JSON.stringify({ error: report });
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function connectionRefusal(code: string | undefined): Refusal {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return refusal(408, "The request did not arrive in time");
  if (code === "HPE_HEADER_OVERFLOW") return refusal(431, "The headers are too large");
  return refusal(400, "The request is not valid HTTP");
}

function cannotListen(host: string, port: number, error: Error): ConfigError {
  return new ConfigError(
    {
      what: "the server cannot listen on this address",
      where: "--host, --port",
      got: `${host}:${port}: ${error.message}`,
      expected: "an address of this machine with a free port",
      next: "Choose another port, for example --port 8081.",
    },
    { cause: error },
  );
}
