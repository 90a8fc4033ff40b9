import { setTimeout as sleep } from "node:timers/promises";
import { type Checkpoint, checkpointDirs } from "../checkpoint/index.js";
import { messageOf } from "../errors.js";
import { findCheckpoint, withCheckpoint } from "./find-checkpoint.js";

export interface FollowOptions {
  /** Milliseconds between looks at the directory; default 1000. */
  readonly every?: number;
  /** Called when a newer version cannot be used: the one before stays, and the next look tries again. */
  readonly warn?: (message: string) => void;
}

/**
 * The newest version of a model in a directory where a run publishes, or saves checkpoints. A version is opened completely
 * before it takes the place of the one before, so nobody sees a part of one; who uses a version keeps it as long as it is used,
 * and its memory is freed after its last user.
 */
export class FollowedVersions<V> {
  private readonly closed = new AbortController();
  private looking?: Promise<void>;
  /** The newest directory at the last look. A version appears with all its files, so one that cannot be used stays so. */
  private seen?: string;

  /**
   * Opens the newest version, and begins to look for newer ones.
   * @param open reads a version into memory: files may be replaced, cut or removed once it is done
   * @throws CheckpointError if there is no version that can be used
   */
  static async start<V>(
    path: string,
    open: (version: Checkpoint) => Promise<V>,
    options: FollowOptions = {},
  ): Promise<FollowedVersions<V>> {
    const version = await newest(path, open, options);
    const followed = new FollowedVersions(path, open, options, version);
    followed.looking = followed.look();
    return followed;
  }

  private constructor(
    private readonly path: string,
    private readonly open: (version: Checkpoint) => Promise<V>,
    private readonly options: FollowOptions,
    private version: Opened<V>,
  ) {}

  /** The newest version. A call takes it once and uses it to its end. */
  get current(): V {
    return this.version.value;
  }

  /** Opens a newer version, if there is one. Returns whether there was. */
  async refresh(): Promise<boolean> {
    const newer = (await checkpointDirs(this.path)).at(-1);
    if (newer === undefined || newer === this.seen || newer === this.version.dir) return false;
    const { version } = this;
    this.version = await newest(this.path, this.open, this.options, version);
    this.seen = newer;
    return this.version !== version;
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
}

interface Opened<V> {
  readonly dir: string;
  readonly step: number;
  readonly value: V;
}

/** Opens the newest version that can be used, unless this one or a newer one is open already. */
function newest<V>(
  path: string,
  open: (version: Checkpoint) => Promise<V>,
  { warn }: FollowOptions,
  opened?: Opened<V>,
): Promise<Opened<V>> {
  return withCheckpoint(
    () => findCheckpoint(path, "latest", warn),
    async (version) =>
      opened && version.manifest.step <= opened.step
        ? opened
        : { dir: version.dir, step: version.manifest.step, value: await open(version) },
  );
}
