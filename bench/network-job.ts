import { on } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { Job } from "../test/ranks/job.js";
import type { Told } from "./network-rank.js";

/**
 * Two ranks that make a call when they are told to. They wait for it at a socket, not in MPI, which would ask for messages all the
 * time: so several jobs can take turns on one machine.
 */
export class NetworkJob {
  private readonly ranks: { readonly socket: Socket; readonly lines: AsyncIterator<string> }[] = [];

  private constructor(
    private readonly job: Job,
    private readonly server: Server,
  ) {}

  /** @param command starts ranks that connect to the socket at this path */
  static async start(command: readonly string[], env: NodeJS.ProcessEnv, path: string): Promise<NetworkJob> {
    const server = createServer().listen(path);
    const started = new NetworkJob(new Job(command, env), server);
    const ended = new AbortController();
    void started.job.end().then(({ out }) => ended.abort(new Error(`the job has ended:\n${out}`)));
    for await (const [socket] of on(server, "connection", { signal: ended.signal })) {
      const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
      if (started.ranks.push({ socket, lines }) === 2) break;
    }
    await started.told();
    return started;
  }

  /** What rank 0 tells after a call. */
  call(steps: number): Promise<Told> {
    for (const { socket } of this.ranks) socket.write(`${steps}\n`);
    return this.told();
  }

  async end(): Promise<void> {
    for (const { socket } of this.ranks) socket.end();
    this.server.close();
    await this.job.end();
  }

  private async told(): Promise<Told> {
    const lines = await Promise.all(this.ranks.map(({ lines }) => lines.next()));
    if (lines.some(({ done }) => done)) throw new Error(`the job has ended:\n${(await this.job.end()).out}`);
    return lines.map(({ value }): Told => JSON.parse(value)).find(({ rank }) => rank === 0)!;
  }
}
