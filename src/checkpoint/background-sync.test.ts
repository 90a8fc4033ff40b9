import { expect, it } from "vitest";
import { BackgroundSync, type SyncedFile } from "./background-sync.js";

const MIB = 1 << 20;

/** A file that keeps nothing: it tells what it is asked for, and a sync of data ends when the test says so. */
class ObservedFile implements SyncedFile {
  readonly calls: string[] = [];
  written = 0;
  private readonly syncs: Answers[] = [];

  async write(bytes: Uint8Array, offset: number, length: number, position: number) {
    const bytesWritten = Math.min(length, 300_000); // the system may write less than it is asked for
    expect([offset, position]).toEqual([this.written % bytes.length, this.written]);
    this.written += bytesWritten;
    return { bytesWritten };
  }

  datasync(): Promise<void> {
    this.calls.push(`datasync after ${this.written / MIB} MiB`);
    return new Promise((resolve, reject) => this.syncs.push({ resolve, reject }));
  }

  async sync(): Promise<void> {
    this.calls.push(`sync after ${this.written / MIB} MiB`);
  }

  async answer(error?: Error): Promise<void> {
    const { resolve, reject } = this.syncs.shift()!;
    error ? reject(error) : resolve();
    await new Promise(setImmediate);
  }
}

interface Answers {
  resolve(): void;
  reject(error: Error): void;
}

async function writing(file: ObservedFile, written: BackgroundSync, mib: number): Promise<void> {
  const slice = new Uint8Array(4 * MIB);
  for (const end = file.written + mib * MIB; file.written < end; ) await written.write(slice, file.written);
}

it("syncs one stretch at a time while more is written, and everything at the end", async () => {
  const file = new ObservedFile();
  const written = new BackgroundSync(file);
  await writing(file, written, 60);
  expect(file.calls).toEqual([]);
  await writing(file, written, 100);
  await file.answer();
  await writing(file, written, 8);
  const finished = written.finish();
  await file.answer();
  await finished;
  expect(file.calls).toEqual(["datasync after 64 MiB", "datasync after 164 MiB", "sync after 168 MiB"]);
});

it("fails at the end if a sync before it has failed, and asks for no other one", async () => {
  const file = new ObservedFile();
  const written = new BackgroundSync(file);
  await writing(file, written, 64);
  await file.answer(new RangeError("the disk is broken"));
  await writing(file, written, 128);
  await expect(written.finish()).rejects.toThrow("the disk is broken");
  expect(file.calls).toEqual(["datasync after 64 MiB"]);
});
