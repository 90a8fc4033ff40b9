import type { RawRow } from "../features/encoder.js";

/** Events by sequence. */
export type NewEvents = Readonly<Record<string, readonly RawRow[]>>;

/** One process of a server. */
export interface Member {
  /** Opens the newest versions. */
  reload(): Promise<void>;
  /** Accepts no more connections, and goes on answering those that it has. */
  leave(): Promise<void>;
  /** Adds events to its stores. */
  addEvents(events: NewEvents): Promise<void>;
  /** Its numbers, as prom-client aggregates them. */
  metrics(): Promise<object>;
}

/** All processes of a server. */
export interface Fleet {
  /** Opens the newest versions in all of them. */
  reload(): Promise<void>;
  /** Adds events to the stores of all of them. */
  addEvents(events: NewEvents): Promise<void>;
  /** The numbers of all, as Prometheus reads them. */
  metrics(): Promise<string>;
}

/** The fleet of a process, given what it does itself. */
export type JoinFleet = (member: Member) => Fleet;
