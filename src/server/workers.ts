import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import type { Socket } from "node:net";
import { AggregatorRegistry } from "prom-client";
import { ExecutionError } from "../errors.js";
import { type AnswerTo, type Asked, Channel } from "./channel.js";
import { Dispatcher } from "./dispatcher.js";
import type { JoinFleet } from "./fleet.js";
import { Listener } from "./listener.js";
import type { ServerSettings } from "./settings.js";

/** Milliseconds that a worker must have lived to be replaced: one that ends at once would end again. */
const LEAST_LIFE = 5000;

/**
 * The processes of a server, each with an event loop of its own, which run the same program. The first process accepts the connections
 * and gives them to the others. Tables are mapped files, so that they are in memory once.
 */
export class Workers {
  private readonly channels = new Map<Worker, Channel>();
  private readonly dispatcher = new Dispatcher();
  private readonly listener: Listener;
  private stopping = false;
  private lose!: () => void;
  /** Resolves once the last worker has ended by itself, and none takes its place. */
  readonly lost = new Promise<void>((resolve) => {
    this.lose = resolve;
  });

  /** @param onLoss called when a worker has ended by itself; true if another one takes its place */
  constructor(
    settings: ServerSettings,
    private readonly onLoss: (code: number, isReplaced: boolean) => void,
  ) {
    this.listener = new Listener(settings, this.dispatcher.take, true);
  }

  /**
   * Resolves once all take connections. The first starts alone: what keeps it from serving keeps all of them.
   * @returns the address
   * @throws ExecutionError if one ends instead
   * @throws ConfigError if the address is not free
   */
  async start(count: number): Promise<string> {
    try {
      await this.fork();
      await Promise.all(Array.from({ length: count - 1 }, () => this.fork()));
      return await this.listener.listen();
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /**
   * Each answers what has arrived, and ends. A connection that was accepted is not lost: the last ones are sent to workers before these
   * are told to stop, and messages arrive in their order.
   */
  async stop(): Promise<void> {
    this.stopping = true;
    const { channels } = this.dispatcher;
    await askAll(channels, "leave");
    await this.listener.close();
    this.dispatcher.finish();
    await askAll(channels, "stop");
    await this.end();
  }

  /** A worker ends when it loses the first process. */
  private async end(): Promise<void> {
    this.stopping = true;
    const workers = [...this.channels.keys()];
    const ends = workers.map((worker) => once(worker, "exit"));
    for (const worker of workers) if (worker.isConnected()) worker.process.disconnect();
    await Promise.all(ends);
  }

  /** Resolves once it takes connections. */
  private fork(): Promise<void> {
    const born = performance.now();
    const worker = cluster.fork();
    return new Promise((joined, failed) => {
      const channel = new Channel(
        // What a worker does not get because it has ended is settled when its channel closes.
        (message, connection) =>
          void (worker.isConnected() && worker.send(message, connection, () => undefined)),
        async (ask, text) => {
          if (ask !== "join") return this.answer(ask, text);
          this.dispatcher.add(channel);
          joined();
          return "";
        },
      );
      this.channels.set(worker, channel);
      worker.on("message", channel.receive);
      worker.on("exit", (code) => {
        failed(endedTooEarly(code));
        this.channels.delete(worker);
        this.dispatcher.remove(channel);
        channel.close();
        if (!this.stopping) this.replace(code, performance.now() - born);
      });
    });
  }

  private replace(code: number, lived: number): void {
    const isReplaced = lived > LEAST_LIFE;
    this.onLoss(code, isReplaced);
    if (isReplaced) void this.fork().catch(() => undefined);
    else if (this.channels.size === 0) this.lose();
  }

  /** What a worker asks of all. */
  private readonly answer: AnswerTo = async (ask, text) => {
    const answers = await Promise.all([...this.channels.values()].map((channel) => channel.ask(ask, text)));
    return ask === "metrics"
      ? AggregatorRegistry.aggregate(answers.map((text) => JSON.parse(text))).metrics()
      : "";
  };
}

function endedTooEarly(code: number): ExecutionError {
  return new ExecutionError({
    what: "a worker has ended before it could serve",
    where: "--workers",
    got: `exit code ${code}`,
    next: "See what it has printed.",
  });
}

async function askAll(channels: ReadonlySet<Channel>, ask: Asked): Promise<void> {
  await Promise.allSettled(Array.from(channels, (channel) => channel.ask(ask)));
}

/** The fleet of a worker: it asks all through the first process. */
export const workerFleet: JoinFleet = (member) => {
  const own = {
    reload: () => member.reload(),
    leave: async () => member.leave(),
    stop: () => member.stop(),
    metrics: async () => JSON.stringify(await member.metrics()),
    events: (text: string) => member.addEvents(JSON.parse(text)),
    take: async (_: string, connection: Socket) => member.take(connection),
  };
  const channel = new Channel(
    (message) => void process.send?.(message),
    async (ask, text = "", connection) => (ask !== "join" && (await own[ask](text, connection!))) || "",
  );
  process.on("message", channel.receive);
  return {
    join: async () => void (await channel.ask("join")),
    reload: async () => void (await channel.ask("reload")),
    addEvents: async (events) => void (await channel.ask("events", JSON.stringify(events))),
    metrics: () => channel.ask("metrics"),
  };
};
