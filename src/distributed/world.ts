import type { Addon } from "../native/addon.js";
import type { Traffic, WorldHandle } from "../native/world-calls.js";

/**
 * The processes ("ranks") that train one model together, as one of them sees them. All ranks make the same calls in the
 * same order, one at a time.
 */
export interface World {
  readonly rank: number;
  readonly size: number;
  /** For executables; absent if there is one rank. */
  readonly handle?: WorldHandle;
  /** The bytes of the rank `root`, by default 0; those of the others are ignored. */
  broadcast(bytes: Uint8Array | undefined, root?: number): Promise<Uint8Array>;
  /** The bytes of every rank, which need not be equally many. */
  allGather(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
  /** Waits until every rank is here. */
  barrier(): Promise<void>;
  /** Bytes that this rank has sent to others, by what they were. */
  traffic(): readonly Traffic[];
}

/** The world of a process that trains alone. */
export const SOLO: World = {
  rank: 0,
  size: 1,
  broadcast: async (bytes = NOTHING) => bytes,
  allGather: async (bytes) => [bytes],
  barrier: async () => undefined,
  traffic: () => [],
};

const NOTHING = new Uint8Array();

/** A world of the native core. */
export class NativeWorld implements World {
  readonly rank: number;
  readonly size: number;

  constructor(
    protected readonly addon: Addon,
    readonly handle: WorldHandle,
  ) {
    [this.rank, this.size] = addon.worldPlace(handle);
  }

  broadcast(bytes = NOTHING, root = 0): Promise<Uint8Array> {
    return this.addon.worldBroadcast(this.handle, bytes, root);
  }

  allGather(bytes: Uint8Array): Promise<Uint8Array[]> {
    return this.addon.worldGather(this.handle, bytes);
  }

  async barrier(): Promise<void> {
    await this.allGather(NOTHING);
  }

  traffic(): Traffic[] {
    return this.addon.worldTraffic(this.handle);
  }
}

/** As many ranks in this process, for tests: calls of all of them must be in progress at the same time. */
export function localWorlds(addon: Addon, ranks: number): World[] {
  return addon.localWorlds(ranks).map((handle) => new NativeWorld(addon, handle));
}

/** The value of the rank `root`, as JSON. */
export async function broadcastJson<T>(world: World, value: T | undefined, root = 0): Promise<T> {
  const bytes = value === undefined ? undefined : Buffer.from(JSON.stringify(value));
  return JSON.parse(Buffer.from(await world.broadcast(bytes, root)).toString());
}

/** The value of every rank, as JSON. */
export async function gatherJson<T>(world: World, value: T): Promise<T[]> {
  const all = await world.allGather(Buffer.from(JSON.stringify(value)));
  return all.map((bytes) => JSON.parse(Buffer.from(bytes).toString()));
}
