import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { AggregatorRegistry } from "prom-client";
import { ExecutionError } from "../errors.js";
import { type AnswerTo, Channel } from "./channel.js";
import type { JoinFleet } from "./fleet.js";

/** Milliseconds that a worker must have lived to be replaced: one that ends at once would end again. */
const LEAST_LIFE = 5000;

/**
 * The processes of a server, each with an event loop of its own, which run the same program and share its port. Tables are mapped
 * files, so that they are in memory once.
 */
export class Workers {
  private readonly channels = new Map<Worker, Channel>();
  private stopping = false;

  /** @param onLoss called when a worker has ended by itself; true if another one takes its place */
  constructor(private readonly onLoss: (code: number, isReplaced: boolean) => void) {}

  /**
   * Resolves once all accept connections. The first starts alone: what keeps it from serving keeps all of them.
   * @throws ExecutionError if one ends instead
   */
  async start(count: number): Promise<void> {
    await listening(this.fork());
    await Promise.all(Array.from({ length: count - 1 }, () => listening(this.fork())));
  }

  /**
   * Each answers what has arrived, and ends. First all of them stop accepting connections: a client whose connection one of them
   * closes must not open another one at a worker that is about to stop listening.
   */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.allSettled([...this.channels.values()].map((channel) => channel.ask("leave")));
    const workers = [...this.channels.keys()];
    const ends = workers.map((worker) => once(worker, "exit"));
    for (const worker of workers) worker.process.kill("SIGTERM");
    await Promise.all(ends);
  }

  private fork(): Worker {
    const born = performance.now();
    const worker = cluster.fork();
    const channel = new Channel(
      (message) => void (worker.isConnected() && worker.send(message)),
      this.answer,
    );
    this.channels.set(worker, channel);
    worker.on("message", channel.receive);
    worker.on("exit", (code) => {
      this.channels.delete(worker);
      channel.close();
      if (!this.stopping) this.replace(code, performance.now() - born);
    });
    return worker;
  }

  private replace(code: number, lived: number): void {
    const isReplaced = lived > LEAST_LIFE;
    this.onLoss(code, isReplaced);
    if (isReplaced) this.fork();
  }

  /** What a worker asks of all. */
  private readonly answer: AnswerTo = async (ask, text) => {
    const answers = await Promise.all([...this.channels.values()].map((channel) => channel.ask(ask, text)));
    return ask === "metrics"
      ? AggregatorRegistry.aggregate(answers.map((text) => JSON.parse(text))).metrics()
      : "";
  };
}

async function listening(worker: Worker): Promise<void> {
  const ended = once(worker, "exit").then(([code]) => {
    throw new ExecutionError({
      what: "a worker has ended before it could serve",
      where: "--workers",
      got: `exit code ${code}`,
      next: "See what it has printed.",
    });
  });
  await Promise.race([once(worker, "listening"), ended]);
  ended.catch(() => undefined);
}

/** The fleet of a worker: it asks all through the first process. */
export const workerFleet: JoinFleet = (member) => {
  const own = {
    reload: () => member.reload(),
    leave: () => member.leave(),
    metrics: async () => JSON.stringify(await member.metrics()),
    events: (text: string) => member.addEvents(JSON.parse(text)),
  };
  const channel = new Channel(
    (message) => void process.send?.(message),
    async (ask, text = "") => (await own[ask](text)) ?? "",
  );
  process.on("message", channel.receive);
  return {
    reload: async () => void (await channel.ask("reload")),
    addEvents: async (events) => void (await channel.ask("events", JSON.stringify(events))),
    metrics: () => channel.ask("metrics"),
  };
};
