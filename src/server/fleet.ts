import type { Socket } from "node:net";
import type { RawRow } from "../features/encoder.js";

/** Events by sequence. */
export type NewEvents = Readonly<Record<string, readonly RawRow[]>>;

/** One process of a server. */
export interface Member {
  /** Takes a connection, whose requests it answers. */
  take(connection: Socket): void;
  /** Opens the newest versions. */
  reload(): Promise<void>;
  /** Says that it is not ready any more, and goes on answering. */
  leave(): void;
  /** Answers what has arrived, and ends its connections. */
  stop(): Promise<void>;
  /** Adds events to its stores. */
  addEvents(events: NewEvents): Promise<void>;
  /** Its numbers, as prom-client aggregates them. */
  metrics(): Promise<object>;
}

/** All processes of a server. */
export interface Fleet {
  /** Says that this process can take connections. */
  join(): Promise<void>;
  /** Opens the newest versions in all of them. */
  reload(): Promise<void>;
  /** Adds events to the stores of all of them. */
  addEvents(events: NewEvents): Promise<void>;
  /** The numbers of all, as Prometheus reads them. */
  metrics(): Promise<string>;
}

/** The fleet of a process, given what it does itself. */
export type JoinFleet = (member: Member) => Fleet;
