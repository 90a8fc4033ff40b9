import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unlessAbsent } from "../checkpoint/disk.js";
import {
  AbsentBaseError,
  type Checkpoint,
  checkpointDirs,
  exists,
  isDamage,
  readCheckpoint,
} from "../checkpoint/index.js";
import { stepOfName } from "../checkpoint/paths.js";
import { messageOf } from "../errors.js";
import { findCheckpoint, withCheckpoint } from "./find-checkpoint.js";

export interface FollowOptions {
  /** Milliseconds between looks at the directory; default 1000. */
  readonly every?: number;
  /** Called once for each newer version that cannot be used: the one before stays. */
  readonly warn?: (message: string) => void;
}

/** A version in memory: its files may be replaced, cut or removed. */
export interface OpenedVersion<V> {
  readonly checkpoint: Checkpoint;
  readonly value: V;
}

/** A version that takes the place of another one. */
export interface NextVersion<V> extends OpenedVersion<V> {
  /** Makes it usable, and the one before unusable. False if somebody keeps that one: the version must be opened as a whole. */
  readonly apply?: () => boolean;
}

/**
 * Opens a version, or one of those that its changes are based on.
 * @param before the version that is open already; changes may be applied to it
 */
export type OpenVersion<V> = (newest: Checkpoint, before?: OpenedVersion<V>) => Promise<NextVersion<V>>;

/**
 * The newest version of a model in a directory where a run publishes, or saves checkpoints. A version takes the place of the one
 * before in one turn of the event loop, so nobody sees a part of one.
 */
export class FollowedVersions<V> {
  private readonly closed = new AbortController();
  private looking?: Promise<void>;
  /** Why directories cannot be used. */
  private readonly refused = new Map<string, { readonly reason: string; readonly isEarly: boolean }>();
  /** Those of them that are not opened again until the newer files change: they may be copied now, or repaired later. */
  private readonly settled = new Set<string>();
  private newerFiles = "";

  /**
   * Opens the newest version, and begins to look for newer ones.
   * @throws CheckpointError if there is no version that can be used
   */
  static async start<V>(
    path: string,
    open: OpenVersion<V>,
    options: FollowOptions = {},
  ): Promise<FollowedVersions<V>> {
    const version = await withCheckpoint(
      () => findCheckpoint(path, "latest", options.warn),
      (checkpoint) => open(checkpoint),
    );
    const followed = new FollowedVersions(path, open, options, version);
    followed.looking = followed.look();
    return followed;
  }

  private constructor(
    private readonly path: string,
    private readonly open: OpenVersion<V>,
    private readonly options: FollowOptions,
    private version: OpenedVersion<V>,
  ) {}

  /** The newest version. A call takes it once and uses it to its end. */
  get current(): V {
    return this.version.value;
  }

  /** Goes on to the newest version. Returns whether there was a newer one. */
  async refresh(): Promise<boolean> {
    const before = this.version;
    while (await this.goOn());
    return this.version !== before;
  }

  /** Why the newest version of the directory cannot be used, if an older one is in use. */
  async refusal(): Promise<string | undefined> {
    const [newest] = (await checkpointDirs(this.path)).slice(-1);
    return newest !== undefined && this.isNewer(newest) ? this.refused.get(newest)?.reason : undefined;
  }

  /** Looks no further. */
  async close(): Promise<void> {
    this.closed.abort();
    await this.looking;
  }

  private async look(): Promise<void> {
    const { signal } = this.closed;
    let said = "";
    for (;;) {
      await sleep(this.options.every ?? 1000, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      await this.refresh().catch((error) => {
        if (said !== messageOf(error)) this.options.warn?.(messageOf(error));
        said = messageOf(error);
      });
    }
  }

  /** Opens the newest version that can be used, or a step towards it. False if there is none. */
  private async goOn(): Promise<boolean> {
    const newer = (await checkpointDirs(this.path)).filter((dir) => this.isNewer(dir));
    const files = (await Promise.all(newer.map(filesOf))).join();
    if (files !== this.newerFiles) this.settled.clear();
    this.newerFiles = files;
    for (const dir of newer.filter((each) => !this.settled.has(each)).reverse()) {
      if (await this.tryOpen(dir)) return true;
      if (!(await exists(dir))) return this.goOn();
    }
    return false;
  }

  private isNewer(dir: string): boolean {
    return stepOfName(basename(dir))! > this.version.checkpoint.manifest.step;
  }

  /** False if the version is damaged, or is no longer there. */
  private async tryOpen(dir: string): Promise<boolean> {
    const { checkpoint: before } = this.version;
    try {
      await this.take(await readCheckpoint(dir, ["model"], new Map([[before.dir, before]])));
      return true;
    } catch (error) {
      if (!(await exists(dir))) return false;
      if (!isDamage(error)) throw error;
      const refused = { reason: messageOf(error), isEarly: error instanceof AbsentBaseError };
      if (this.refused.get(dir)?.isEarly !== refused.isEarly)
        this.options.warn?.(`${refused.reason}\nGoing on with ${before.name}.`);
      this.refused.set(dir, refused);
      if (!refused.isEarly) this.settled.add(dir);
      return false;
    }
  }

  private async take(newest: Checkpoint): Promise<void> {
    const next = await this.open(newest, this.version);
    // No other code runs between applying changes and the exchange.
    if (next.apply?.() === false) this.version = await this.open(newest);
    else this.version = next;
  }
}

/** A text that changes with the files of a directory; empty if it is not there. */
async function filesOf(dir: string): Promise<string> {
  const names = (await unlessAbsent(readdir(dir))) ?? [];
  const files = names.sort().map(async (name) => {
    const status = await unlessAbsent(stat(join(dir, name)));
    return `${name} ${status?.size} ${status?.mtimeMs}`;
  });
  return [dir, ...(await Promise.all(files))].join();
}
