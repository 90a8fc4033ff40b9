import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Shot } from "./shots.js";

/** The status of an answer; 0 if the connection has ended without one. */
type Answered = (status: number) => void;

/**
 * Connections that stay open, each with one request at a time. It reads of answers no more than their status and length: a client for
 * general use takes more processor time than the server.
 */
export class Connections {
  private readonly idle: Connection[];
  private readonly waiting: ((connection: Connection) => void)[] = [];

  private constructor(private readonly all: readonly Connection[]) {
    this.idle = [...all];
  }

  /** Connections that the server has accepted, so that a request does not wait for that. */
  static async open(url: string, count: number): Promise<Connections> {
    const { hostname, port } = new URL(url);
    const all = Array.from({ length: count }, () => new Connection(hostname, Number(port)));
    for (const connection of all) await connection.connected();
    return new Connections(all);
  }

  /** Sends as soon as a connection is free. @returns the status, and when the request was sent */
  async send(bytes: Buffer): Promise<{ readonly status: number; readonly sent: number }> {
    const connection = this.idle.pop() ?? (await new Promise<Connection>((free) => this.waiting.push(free)));
    const sent = performance.now();
    const status = await new Promise<number>((answered) => connection.send(bytes, answered));
    const next = this.waiting.shift();
    if (next) next(connection);
    else this.idle.push(connection);
    return { status, sent };
  }

  close(): void {
    for (const connection of this.all) connection.close();
  }
}

/** The bytes of a request. */
export function bytesOf({
  path,
  body,
  type = "application/json",
  accept = "application/json",
}: Shot): Buffer {
  const content = typeof body === "string" ? Buffer.from(body) : body;
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    `Content-Type: ${type}`,
    `Accept: ${accept}`,
    `Content-Length: ${content.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), content]);
}

const NOTHING = Buffer.alloc(0);
const END_OF_HEAD = "\r\n\r\n";
const LENGTH = /\r\ncontent-length: (\d+)/i;
const CLOSES = /\r\nconnection: close/i;

class Connection {
  private socket?: Socket;
  private answered?: Answered;
  private received: Buffer = NOTHING;

  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {}

  async connected(): Promise<void> {
    this.socket = this.open();
    await once(this.socket, "connect");
  }

  send(bytes: Buffer, answered: Answered): void {
    this.answered = answered;
    this.socket ??= this.open();
    this.socket.write(bytes);
  }

  close(): void {
    this.socket?.destroy();
  }

  private open(): Socket {
    const socket = connect({ host: this.host, port: this.port, noDelay: true });
    socket.on("data", (part) => this.read(part));
    socket.on("error", () => undefined);
    socket.on("close", () => this.end(0));
    return socket;
  }

  private read(part: Buffer): void {
    this.received = this.received.length === 0 ? part : Buffer.concat([this.received, part]);
    const end = this.received.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = this.received.toString("latin1", 0, end);
    const length = Number(LENGTH.exec(head)?.[1] ?? 0);
    if (this.received.length < end + END_OF_HEAD.length + length) return;
    this.received = NOTHING;
    if (CLOSES.test(head)) this.forget();
    this.end(Number(head.slice(9, 12)));
  }

  private end(status: number): void {
    if (status === 0) this.forget();
    const { answered } = this;
    this.answered = undefined;
    answered?.(status);
  }

  /** The next request opens another connection. */
  private forget(): void {
    this.socket?.removeAllListeners("close").destroy();
    this.socket = undefined;
  }
}
