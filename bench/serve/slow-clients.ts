import { connect, type Socket } from "node:net";

const HEAD = "POST /v1/rank HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
/** Milliseconds between the bytes that a client sends. */
const PAUSE = 1000;

/** Clients whose headers, and others whose bodies, arrive byte by byte. One that the server closes comes again. */
export class SlowClients {
  private readonly open = new Set<Socket>();
  private stopped = false;
  private readonly timer = setInterval(() => {
    for (const socket of this.open) socket.write("x");
  }, PAUSE);

  constructor(
    private readonly url: string,
    count: number,
  ) {
    for (let i = 0; i < count; i++)
      for (const start of [`${HEAD}X-Slow: `, `${HEAD}Content-Length: 10000\r\n\r\n{`]) this.add(start);
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
    for (const socket of this.open) socket.destroy();
  }

  private add(start: string): void {
    const { hostname, port } = new URL(this.url);
    const socket = connect(Number(port), hostname);
    this.open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.open.delete(socket);
      if (!this.stopped) this.add(start);
    });
    socket.write(start);
    socket.resume();
  }
}
