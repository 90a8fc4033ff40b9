import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import Fastify, { type FastifyInstance, type FastifyReply, LogController } from "fastify";
import { AggregatorRegistry } from "prom-client";
import { accessCheck } from "./access.js";
import { addBodyParsers } from "./bodies.js";
import type { Fleet, JoinFleet } from "./fleet.js";
import { behindGate, OpenAnswers } from "./gate.js";
import { addInfoRoutes } from "./info-routes.js";
import { Listener, STEP } from "./listener.js";
import { Metrics } from "./metrics.js";
import { addEvents, addEventsRoute } from "./new-events.js";
import { RETRY_AFTER, type Refusal, refusal, refusalOf, refusing } from "./refusals.js";
import { ScoringQueue } from "./scoring-queue.js";
import { addScoringRoutes } from "./scoring-routes.js";
import type { ServedModels } from "./served-models.js";
import type { ServerSettings, TlsFiles } from "./settings.js";

/** Milliseconds in which connections end with an answer; those without a request are then closed. */
const MOST_PARTING = 2000;
/** Milliseconds between looks at how many connections are left. */
const LOOK = 50;
const MOST_HEADER_BYTES = 16_384;
/** Milliseconds for which a connection stays open without a request: longer than proxies keep theirs, which is a minute for most. */
const KEEP_ALIVE = 72_000;
const METHODS = ["GET", "HEAD", "POST"] as const;
/** Milliseconds between looks at connections whose request does not arrive: short, so that few of them end at the same time. */
const ARRIVAL_CHECK = 100;

/** Serves models over HTTP. */
export class ModelServer {
  readonly metrics: Metrics;
  private readonly app: FastifyInstance;
  private readonly fleet: Fleet;
  private readonly answers = new OpenAnswers();
  private readonly connections = new Set<Socket>();
  private listener?: Listener;
  private isLeaving = false;
  private stopping?: Promise<void>;

  constructor(
    private readonly models: ServedModels,
    private readonly settings: ServerSettings,
    join: JoinFleet = alone,
  ) {
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
    this.addHooks();
    addBodyParsers(this.app, limits.rows);
    addScoringRoutes(this.app, { models, queue, metrics: this.metrics, settings });
    this.fleet = join({
      take: this.take,
      reload: () => models.reload(),
      leave: () => this.leave(),
      stop: () => this.stop(),
      addEvents: async (events) => addEvents(models, events),
      metrics: () => this.metrics.registry.getMetricsAsJSON(),
    });
    addEventsRoute(this.app, models, limits, this.fleet);
    addInfoRoutes(this.app, { models, limits, fleet: this.fleet, isReady: () => !this.isLeaving });
  }

  /**
   * Starts listening, where no other process gives it connections.
   * @returns the address, as clients write it
   * @throws ConfigError for an address that is not free, and for a server that anyone in a network could use
   */
  async listen(): Promise<string> {
    await this.ready();
    this.listener = new Listener(this.settings, this.take);
    return this.listener.listen();
  }

  /** Answers requests of the connections that the first process gives it. */
  async serve(): Promise<void> {
    await this.ready();
    await this.fleet.join();
  }

  /**
   * Stops without losing a request that is on its way: `/ready` says so; no more connections are accepted; then each answer closes its
   * connection; then those that stay without a request are closed, too. The steps are apart, because a client whose connection was
   * closed opens another one, which must not wait at a server that stops listening.
   */
  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async ready(): Promise<void> {
    await this.app.ready();
    // From this event on, Node looks how long requests take to arrive.
    this.app.server.emit("listening");
    this.app.log.info({ models: this.models.versions }, "serving");
  }

  private readonly take = (connection: Socket): void => {
    if (this.connections.size >= this.settings.limits.connections) return void connection.destroy();
    this.connections.add(connection);
    connection.once("close", () => this.connections.delete(connection));
    this.app.server.emit("connection", connection);
  };

  private leave(): void {
    if (!this.isLeaving) this.app.log.info("stopping");
    this.isLeaving = true;
  }

  private async end(): Promise<void> {
    this.leave();
    await this.listener?.close();
    await sleep(STEP);
    this.answers.closeConnections();
    await this.parted(MOST_PARTING);
    // After a turn of the event loop every request that has arrived was read.
    await turn();
    this.app.server.closeIdleConnections();
    const { arrival, deadline } = this.settings.limits;
    await this.parted(arrival + deadline);
    for (const connection of this.connections) connection.destroy();
    this.app.server.close();
    await this.app.close();
    await this.models.close();
    this.app.log.info("stopped");
  }

  /**
   * Waits until all connections have ended.
   * @param most milliseconds; more on a busy machine, where looks take longer, and requests, too
   */
  private async parted(most: number): Promise<void> {
    for (let waited = 0; waited < most && this.connections.size > 0; waited += LOOK) await sleep(LOOK);
  }

  /** Those that a path takes. */
  private methodsOf(url: string): readonly string[] {
    return METHODS.filter((method) => this.app.hasRoute({ method, url }));
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
  join: async () => undefined,
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
    // An address that cannot be read has no route, whose errors are handled elsewhere.
    frameworkErrors: (thrown: Error, _request: unknown, reply: FastifyReply) => {
      const { status, error } = refusalOf(thrown);
      void reply.code(status).send({ error });
    },
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
