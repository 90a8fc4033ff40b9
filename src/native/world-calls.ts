/** The native core's communication between ranks (native/distributed): processes that train one model together. */

/** A rank's end of the communication. Opaque; freed with the last handle and executable that refers to it. */
export interface WorldHandle {
  readonly world: unique symbol;
}

/** What a rank has sent to the others under one name. */
export interface Traffic {
  readonly name: string;
  readonly calls: number;
  readonly bytes: number;
}

export interface WorldCalls {
  /** Ranks in this process, for tests: calls of all of them must be in progress at the same time. */
  localWorlds(ranks: number): WorldHandle[];
  worldPlace(world: WorldHandle): [rank: number, size: number];
  /** The bytes of every rank, which need not be equally many. */
  worldGather(world: WorldHandle, bytes: Uint8Array): Promise<Uint8Array[]>;
  /** The bytes of the rank `root`; those of the others are ignored. */
  worldBroadcast(world: WorldHandle, bytes: Uint8Array, root: number): Promise<Uint8Array>;
  worldAbort(world: WorldHandle, reason: string): void;
  worldTraffic(world: WorldHandle): Traffic[];
}

/**
 * @param explained runs a call and converts its errors to ExecutionError
 * @param explain converts an error
 */
export function wrapWorldCalls(
  raw: WorldCalls,
  explained: <T>(call: () => T) => T,
  explain: (error: unknown) => unknown,
): WorldCalls {
  const later = <T>(call: () => Promise<T>): Promise<T> =>
    explained(call).catch((error) => {
      throw explain(error);
    });
  return {
    localWorlds: (ranks) => explained(() => raw.localWorlds(ranks)),
    worldPlace: (world) => explained(() => raw.worldPlace(world)),
    worldGather: (world, bytes) => later(() => raw.worldGather(world, bytes)),
    worldBroadcast: (world, bytes, root) => later(() => raw.worldBroadcast(world, bytes, root)),
    worldAbort: (world, reason) => explained(() => raw.worldAbort(world, reason)),
    worldTraffic: (world) => explained(() => raw.worldTraffic(world)),
  };
}
