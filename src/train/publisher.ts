import {
  type Checkpoint,
  type CheckpointContent,
  checkpointsDir,
  findLatest,
  isDamage,
  RunLock,
} from "../checkpoint/index.js";
import { broadcastJson, type World } from "../distributed/world.js";
import { CheckpointError } from "../errors.js";
import type { WatchedMetric } from "../metrics/metrics.js";
import type { ModelState } from "./model-state.js";
import { type CheckpointSettings, type ContentOf, RunCheckpoints, settleAfter } from "./run-checkpoints.js";
import { refuseUnshared } from "./shared-directory.js";

/** See `train.publish` of the config. */
export interface PublishSettings extends CheckpointSettings {
  readonly to: string;
}

/**
 * Writes versions of the model to a directory, for programs that predict meanwhile. A version is a checkpoint without the state
 * of the optimizer, complete or with the changes since the version before, so everything that reads runs reads it.
 */
export class Publisher {
  private constructor(
    readonly lock: RunLock,
    private readonly versions: RunCheckpoints,
    private published: number,
  ) {}

  /**
   * Takes the lock of the directory, and finishes what a killed process has left undone there.
   * @param resumed whether the run may have published there before
   * @throws CheckpointError if another process publishes there, or another run has
   */
  static async open(settings: PublishSettings, metric: WatchedMetric, resumed: boolean): Promise<Publisher> {
    const { to } = settings;
    const lock = await RunLock.acquire(to);
    try {
      const { checkpoint } = await findLatest(to);
      if (checkpoint && !resumed) throw alreadyThere(to, checkpoint);
      if (checkpoint) await settle(checkpoint, to, { ...settings, metric });
      const versions = new RunCheckpoints(to, { ...settings, metric });
      return new Publisher(lock, versions, checkpoint?.manifest.step ?? -1);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** The step of the newest version, -1 before the first. A resumed run may come by it again. */
  get newest(): number {
    return this.published;
  }

  /**
   * Writes a version, all at once: after a crash at any moment it is there or not. Removes old ones.
   */
  async publish(step: number, content: ContentOf): Promise<void> {
    await this.lock.check();
    await this.versions.save(step, async (changesTo) => withoutOptimizer(await content(changesTo)));
    this.published = step;
  }

  close(): Promise<void> {
    return this.lock.release();
  }
}

/** Nothing is removed where the newest version is damaged: the run does not go on from it, and publishes others. */
async function settle(...newest: Parameters<typeof settleAfter>): Promise<void> {
  try {
    await settleAfter(...newest);
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
}

/** What training does with the versions that it publishes. */
export type Versions = Pick<Publisher, "newest" | "publish" | "close">;

/**
 * The versions of a run whose ranks have this state: rank 0 publishes, the others write their own part. All ranks make the same
 * calls.
 * @throws what {@link Publisher.open} throws, on rank 0; CheckpointError if a rank does not see the directory
 */
export async function openVersions(
  world: World,
  state: Pick<ModelState, "saving">,
  ...[settings, metric, resumed]: Parameters<typeof Publisher.open>
): Promise<Versions> {
  if (world.size === 1) return Publisher.open(settings, metric, resumed);
  const own = world.rank === 0 ? await Publisher.open(settings, metric, resumed) : undefined;
  try {
    await refuseUnshared(world, settings.to, own?.lock);
  } catch (error) {
    await own?.close();
    throw error;
  }
  return new SharedVersions(own, state, await broadcastJson(world, own?.newest));
}

class SharedVersions implements Versions {
  /** @param own of rank 0 */
  constructor(
    private readonly own: Publisher | undefined,
    private readonly state: Pick<ModelState, "saving">,
    public newest: number,
  ) {}

  async publish(step: number, content: ContentOf): Promise<void> {
    await this.state.saving(async () => void (await this.own?.publish(step, content)));
    this.newest = step;
  }

  async close(): Promise<void> {
    await this.own?.close();
  }
}

/** Metrics choose among checkpoints; of versions, the newest one counts. */
const withoutOptimizer = (content: CheckpointContent): CheckpointContent => ({
  ...content,
  metrics: {},
  optimizer: new Map(),
  shards: content.shards && ((dir) => content.shards!(dir, ["model"])),
  tables: content.tables?.map((table) => ({ ...table, states: [] })),
});

function alreadyThere(to: string, { name }: Checkpoint): CheckpointError {
  return new CheckpointError({
    what: "another run has published versions to this directory",
    where: checkpointsDir(to),
    got: name,
    expected: "a directory without versions",
    next: "Set train.publish.to to a new directory, or resume that run (--resume).",
  });
}
