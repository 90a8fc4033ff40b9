import { findLatest } from "../../src/checkpoint/index.js";
import type { Config } from "../../src/config/config.js";
import { localWorlds, SOLO, type World } from "../../src/distributed/world.js";
import { loadAddon } from "../../src/native/addon.js";
import { draw, drawKey, drawUnit } from "../../src/random.js";
import { type RunResult, trainRun } from "../../src/run/train-run.js";
import { selectBackend } from "../../src/saved/backend.js";
import { hashTensors } from "../../src/saved/hash-tensors.js";

/* Runs of several ranks in this process. */

const { addon } = loadAddon();

/** Rows with numbers, ids, bags and sequences, and a label that depends on them. */
export function rowsOf(count: number, stream: number): Record<string, unknown>[] {
  const key = drawKey(7, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [drawUnit(key, 3 * i), drawUnit(key, 3 * i + 1)];
    const [user, tag] = [draw(key, 3 * i) % 40, draw(key, 3 * i + 1) % 7];
    return {
      a,
      b,
      user,
      visitor: draw(key, 3 * i + 1) % 300,
      city: `c${draw(key, 3 * i + 2) % 9}`,
      tags: [tag, (tag * user) % 7],
      seen: Array.from({ length: tag % 4 }, (_, k) => (user + 7 * k) % 40),
      marks: Array.from({ length: tag % 4 }, (_, k) =>
        Array.from({ length: (user + k) % 3 }, (_, m) => (tag + m) % 5),
      ),
      bought: Array.from({ length: user % 3 }, (_, k) => (tag + 5 * k) % 40),
      y: a - b + (draw(key, 3 * i + 2) % 3) / 3 > 0.4 ? 1 : 0,
    };
  });
}

export interface Options {
  readonly ranks: number;
  readonly resume?: boolean;
  /** The last rank is asked to stop when it has trained this number of rows. */
  readonly stopAt?: number;
  /** The last rank is lost when it has trained this number of rows. */
  readonly loseAt?: number;
}

/** The result of rank 0. */
export async function run(
  config: Config,
  runDir: string,
  { ranks, resume = false, stopAt, loseAt }: Options,
): Promise<RunResult> {
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon!, ranks);
  const ranksRun = worlds.map((world) => runRank(world));
  // One that is lost ends before the others, which still have the lock.
  await Promise.allSettled(ranksRun);
  return (await Promise.all(ranksRun))[0];

  async function runRank(world: World): Promise<RunResult> {
    const controller = new AbortController();
    let trained = 0;
    const { backend } = selectBackend("native");
    const options = { config, runDir, backend, world, resume, baselines: false, signal: controller.signal };
    try {
      return await trainRun({
        ...options,
        listener: (event) => {
          if (event.kind === "trained") trained += event.rows;
          if (world.rank < ranks - 1) return;
          if (stopAt !== undefined && trained >= stopAt) controller.abort();
          if (loseAt !== undefined && trained >= loseAt) throw new Error("lost");
        },
      });
    } catch (error) {
      if (world.handle) addon!.worldAbort(world.handle, String(error), 1);
      throw error;
    }
  }
}

/** Of all tensors of the newest checkpoint, whatever the files. */
export const hashes = async (runDir: string) => hashTensors((await findLatest(runDir)).checkpoint!);
