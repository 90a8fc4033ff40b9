import { connect, type Socket } from "node:net";

const HEAD = "POST /v1/rank HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
const STARTS = [`${HEAD}X-Slow: `, `${HEAD}Content-Length: 10000\r\n\r\n{`];
/** Milliseconds between the bytes that a client sends. */
const PAUSE = 1000;
const TICK = 1;

/**
 * Clients whose headers, and others whose bodies, arrive byte by byte. One that the server closes comes again. They send at times of
 * their own: a generator that writes to all of them at once would delay its requests itself.
 */
export class SlowClients {
  private readonly sockets: (Socket | undefined)[];
  private next = 0;
  private readonly started = performance.now();
  private readonly timer = setInterval(() => this.send(), TICK);

  /** @param count of each kind */
  constructor(
    private readonly url: string,
    count: number,
  ) {
    this.sockets = new Array(STARTS.length * count).fill(undefined);
  }

  /** Resolves once all of them are connected. */
  async connected(): Promise<void> {
    while (this.next < this.sockets.length) await new Promise((done) => setTimeout(done, 10));
  }

  stop(): void {
    clearInterval(this.timer);
    for (const socket of this.sockets) socket?.destroy();
  }

  /** A byte of each client that is due. */
  private send(): void {
    const due = ((performance.now() - this.started) / PAUSE) * this.sockets.length;
    for (; this.next < due; this.next++) {
      const place = this.next % this.sockets.length;
      const socket = this.sockets[place];
      if (socket) socket.write("x");
      else this.sockets[place] = this.open(place);
    }
  }

  private open(place: number): Socket {
    const { hostname, port } = new URL(this.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.sockets[place] = undefined;
    });
    socket.write(STARTS[place % STARTS.length]);
    return socket.resume();
  }
}
