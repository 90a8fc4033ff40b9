import type { Socket } from "node:net";
import type { Channel } from "./channel.js";

/** Gives connections to the processes of a server in turns: to one whose last has arrived there, so that none waits for a busy process. */
export class Dispatcher {
  /** The processes. */
  readonly channels = new Set<Channel>();
  private readonly waiting: Socket[] = [];
  private free: Channel[] = [];

  /** A process that can take connections. */
  add(channel: Channel): void {
    this.channels.add(channel);
    this.next(channel);
  }

  /** A process that is gone. */
  remove(channel: Channel): void {
    this.channels.delete(channel);
    this.free = this.free.filter((other) => other !== channel);
  }

  readonly take = (connection: Socket): void => {
    const channel = this.free.shift();
    if (channel === undefined) this.waiting.push(connection);
    else void this.give(connection, channel);
  };

  /** Gives away what waits, however busy the processes are. */
  finish(): void {
    const channels = [...this.channels];
    for (const [i, connection] of this.waiting.splice(0).entries())
      if (channels.length === 0) connection.destroy();
      else void this.give(connection, channels[i % channels.length]);
  }

  private next(channel: Channel): void {
    const connection = this.waiting.shift();
    if (connection === undefined) this.free.push(channel);
    else void this.give(connection, channel);
  }

  private async give(connection: Socket, channel: Channel): Promise<void> {
    // Not taken: the process has ended, or the connection has.
    await channel.ask("take", undefined, connection).catch(() => connection.destroy());
    if (this.channels.has(channel)) this.next(channel);
  }
}
