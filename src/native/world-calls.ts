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
  /** Within the calls: to wait for the other ranks, and to move bytes. */
  readonly nanoseconds: number;
}

export interface OpenedWorld {
  readonly handle: WorldHandle;
  /** The library, as it names itself. */
  readonly version: string;
}

export interface WorldCalls {
  /**
   * Opens the first of these MPI libraries that there is, once in the life of a process. From then on the process ends when
   * another rank is lost, and must itself leave by `finishWorld` or `worldAbort`.
   * @param patience seconds without a sign of a rank after which it is lost
   */
  openWorld(libraries: readonly string[], patience: number): Promise<OpenedWorld>;
  /**
   * Waits until all ranks have done their work. Nothing can be sent afterwards.
   * @param code with which the process exits if the library does not close
   */
  finishWorld(world: WorldHandle, code: number): Promise<void>;
  /** Ranks in this process, for tests: calls of all of them must be in progress at the same time. */
  localWorlds(ranks: number): WorldHandle[];
  worldPlace(world: WorldHandle): [rank: number, size: number];
  /** The bytes of every rank, which need not be equally many. */
  worldGather(world: WorldHandle, bytes: Uint8Array): Promise<Uint8Array[]>;
  /** The bytes of the rank `root`; those of the others are ignored. */
  worldBroadcast(world: WorldHandle, bytes: Uint8Array, root: number): Promise<Uint8Array>;
  /** Ends all ranks. Does not return where they are processes, which exit with the code. */
  worldAbort(world: WorldHandle, reason: string, code: number): void;
  /** Seconds in which a rank sends `bytes` to each other rank and receives as many: the median of several times. */
  worldMeasure(world: WorldHandle, bytes: number, repeats: number): Promise<number>;
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
    openWorld: (libraries, patience) => later(() => raw.openWorld(libraries, patience)),
    finishWorld: (world, code) => later(() => raw.finishWorld(world, code)),
    localWorlds: (ranks) => explained(() => raw.localWorlds(ranks)),
    worldPlace: (world) => explained(() => raw.worldPlace(world)),
    worldGather: (world, bytes) => later(() => raw.worldGather(world, bytes)),
    worldBroadcast: (world, bytes, root) => later(() => raw.worldBroadcast(world, bytes, root)),
    worldAbort: (world, reason, code) => explained(() => raw.worldAbort(world, reason, code)),
    worldMeasure: (world, bytes, repeats) => later(() => raw.worldMeasure(world, bytes, repeats)),
    worldTraffic: (world) => explained(() => raw.worldTraffic(world)),
  };
}
