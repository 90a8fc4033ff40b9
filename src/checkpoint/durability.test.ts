import type { FileHandle } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { updatePointers } from "./discovery.js";
import { contentOf } from "./testing.js";
import { writeCheckpoint } from "./write.js";

/** What has been asked of the disk, in order. A killed process cannot show this: the page cache outlives it. */
const operations = vi.hoisted(() => [] as [string, string][]);

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const open = async (path: string, flags: string): Promise<FileHandle> => {
    const file = await fs.open(path, flags);
    const sync = file.sync.bind(file);
    file.sync = () => {
      operations.push(["sync", path]);
      return sync();
    };
    return file;
  };
  const rename = (from: string, to: string) => {
    operations.push(["rename to", to]);
    return fs.rename(from, to);
  };
  return { ...fs, open, rename };
});

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "durable-"));
});
afterAll(() => rm(parent, { recursive: true }));

/** The operations since the last call, with paths relative to the parent and random suffixes taken off. */
const since = () =>
  operations.splice(0).map(([what, path]) => {
    const name = relative(parent, path).replace(/(\.tmp-step-\d+|\.tmp-latest\.json)-[^/]+/, "$1");
    return `${what} ${name || "."}`;
  });

describe("durability", () => {
  it("syncs the names above, each file, the directory, the manifest last; then renames and syncs the parent", async () => {
    await writeCheckpoint(join(parent, "run"), contentOf(3));
    expect(since()).toEqual([
      "sync run",
      "sync .",
      "sync run/checkpoints/.tmp-step-00000003/model.safetensors",
      "sync run/checkpoints/.tmp-step-00000003/optimizer.safetensors",
      "sync run/checkpoints/.tmp-step-00000003",
      "sync run/checkpoints/.tmp-step-00000003/manifest.json",
      "sync run/checkpoints/.tmp-step-00000003",
      "rename to run/checkpoints/step-00000003",
      "sync run/checkpoints",
    ]);
  });

  it("syncs a pointer before it replaces the old one", async () => {
    await updatePointers(join(parent, "run"));
    expect(since()).toEqual([
      "sync run/checkpoints/.tmp-latest.json",
      "rename to run/checkpoints/latest.json",
      "sync run/checkpoints",
    ]);
  });
});
