import { availableParallelism } from "node:os";
import { type Sha256, sha256, threadedSha256 } from "./sha256.js";

/** Bytes [begin, end) of a file. */
export interface Piece {
  readonly begin: number;
  readonly end: number;
  /** Produces the bytes from a position on, within the piece. */
  fill(into: Uint8Array, position: number): void | Promise<void>;
}

/** Stores bytes at a position of a file. */
export type Store = (bytes: Uint8Array, position: number) => Promise<void>;

/** Small enough that hashing one slice blocks the event loop for about a ms, and that all slices take little memory. */
const SLICE_BYTES = 1 << 20;
/** Slices of a job that are under way at once, so that a thread finds the next one when it is done with one. */
const SLICES_AT_ONCE = 4;
/** Jobs with fewer bytes are done before a thread has started. */
const LEAST_THREADED_BYTES = 32 << 20;
/** More threads hash faster than disks write. */
const MAX_THREADS = 4;

/** Slices that nobody uses. They are kept: V8 gives shared memory back so late that a few checkpoints would leave 200 MB. */
const spare: Uint8Array[] = [];
const takeSlice = () => spare.pop() ?? new Uint8Array(new SharedArrayBuffer(SLICE_BYTES));

/**
 * Hexadecimal SHA-256 of each job, the pieces of which follow each other. Many bytes are hashed on several threads, a job
 * on one of them. Slices are produced while others are hashed and stored.
 * @throws the first error, after all threads have stopped
 */
export async function hashAll(jobs: readonly (readonly Piece[])[], store?: Store): Promise<string[]> {
  const sizes = jobs.map((pieces) => pieces.reduce((sum, { begin, end }) => sum + end - begin, 0));
  const threaded = sizes.reduce((a, b) => a + b, 0) >= LEAST_THREADED_BYTES;
  const count = threaded ? Math.min(jobs.length, availableParallelism(), MAX_THREADS) : 1;
  const queue = new Queue(jobs, store);
  const workers = Array.from({ length: count }, () => ({
    hash: threaded ? threadedSha256() : sha256(),
    buffers: Array.from({ length: SLICES_AT_ONCE }, takeSlice),
  }));
  await Promise.all(workers.map((worker) => queue.work(worker)));
  spare.push(...workers.flatMap(({ buffers }) => buffers));
  return queue.results();
}

interface Worker {
  readonly hash: Sha256;
  /** Used in turn. */
  readonly buffers: readonly Uint8Array[];
}

class Queue {
  private next = 0;
  private readonly hashes: string[] = [];
  private failure?: { readonly error: unknown };

  constructor(
    private readonly jobs: readonly (readonly Piece[])[],
    private readonly store?: Store,
  ) {}

  /** Does one job after the other, until all are done or one has failed. */
  async work(worker: Worker): Promise<void> {
    try {
      while (!this.failure && this.next < this.jobs.length) {
        const index = this.next++;
        await this.run(this.jobs[index], worker);
        this.hashes[index] = await worker.hash.digest();
      }
    } catch (error) {
      this.failure ??= { error };
    } finally {
      await worker.hash.close();
    }
  }

  results(): string[] {
    if (this.failure) throw this.failure.error;
    return this.hashes;
  }

  private async run(pieces: readonly Piece[], { hash, buffers }: Worker): Promise<void> {
    const underWay: Promise<unknown>[] = [];
    try {
      for (const [i, { piece, begin, end }] of pieces.flatMap(slicesOf).entries()) {
        const turn = i % buffers.length;
        await underWay[turn];
        if (this.failure) return;
        const bytes = buffers[turn].subarray(0, end - begin);
        await piece.fill(bytes, begin);
        underWay[turn] = Promise.all([hash.update(bytes), this.store?.(bytes, begin)]);
        underWay[turn].catch((error) => {
          this.failure ??= { error }; // no thread begins another slice
        });
      }
    } finally {
      await Promise.all(underWay);
    }
  }
}

function slicesOf(piece: Piece) {
  const count = Math.ceil((piece.end - piece.begin) / SLICE_BYTES);
  return Array.from({ length: count }, (_, i) => {
    const begin = piece.begin + i * SLICE_BYTES;
    return { piece, begin, end: Math.min(begin + SLICE_BYTES, piece.end) };
  });
}
