import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { ConfigError } from "../errors.js";
import { refuseOpenServer } from "./access.js";
import type { ServerSettings } from "./settings.js";

/** Milliseconds between the steps of stopping. */
export const STEP = 500;
/** Milliseconds of a turn of the event loop in which hardly anything happened. */
const SHORT_TURN = 0.5;
/** Milliseconds for which connections that wait are accepted at the end. */
const MOST_WAITING = 2000;
/**
 * Connections that wait to be accepted: Node accepts one in a turn of the event loop. The kernel ignores further ones, and their clients
 * try again after seconds; it may have a lower limit.
 */
const BACKLOG = 4096;

/** Accepts the connections of a server, apart from what answers them: so it can stop first, without losing one. */
export class Listener {
  private readonly servers: Server[] = [];
  /** Connections that wait for the end of {@link close}. */
  private held?: Socket[];

  /**
   * @param isPassedOn connections go to another process: nothing is read from them here
   * @throws ConfigError for a server that anyone in a network could use
   */
  constructor(
    private readonly settings: ServerSettings,
    private readonly take: (connection: Socket) => void,
    private readonly isPassedOn = false,
  ) {
    refuseOpenServer(settings);
  }

  /**
   * A name such as localhost may have several addresses; the first one must be free.
   * @returns the address, as clients write it
   */
  async listen(): Promise<string> {
    const { host, port, tls } = this.settings;
    const addresses = await lookup(host, { all: true }).catch((error) => this.refuse(error));
    const [first, ...others] = addresses.map(({ address }) => address);
    const chosen = await this.listenAt(first, port).catch((error) => this.refuse(error));
    for (const address of others) await this.listenAt(address, chosen).catch(() => undefined);
    return `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${chosen}`;
  }

  /**
   * After half a second, in which others learn that the server stops, and once no connection waits. The last ones are held until then: a
   * client that opens one for each request opens no other while it waits for an answer.
   */
  async close(): Promise<void> {
    await sleep(STEP);
    const held: Socket[] = [];
    this.held = held;
    const end = performance.now() + MOST_WAITING;
    while (performance.now() < end && !(await isQuiet(held)));
    for (const server of this.servers) server.close();
    this.held = undefined;
    for (const connection of held) if (!connection.destroyed) this.take(connection);
  }

  /** @returns the port */
  private async listenAt(host: string, port: number): Promise<number> {
    const server = createServer({ pauseOnConnect: this.isPassedOn, noDelay: true }, (connection) => {
      if (this.held === undefined) return this.take(connection);
      connection.on("error", () => undefined);
      this.held.push(connection);
    });
    server.listen({ host, port, backlog: BACKLOG });
    await once(server, "listening");
    // A connection that the system could not give to the process.
    server.on("error", () => undefined);
    this.servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  private refuse(error: Error): never {
    const { host, port } = this.settings;
    throw new ConfigError(
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
}

/** True if no connection came in a turn of the event loop, which was so short that none can have come since it was looked for. */
async function isQuiet(held: readonly Socket[]): Promise<boolean> {
  const [before, start] = [held.length, performance.now()];
  await turn();
  return held.length === before && performance.now() - start < SHORT_TURN;
}
