import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findLatest, listCheckpoints } from "./discovery.js";
import { bytesOf } from "./dtypes.js";
import { pruneCheckpoints } from "./prune.js";
import { contentOf } from "./testing.js";
import { writeCheckpoint } from "./write.js";

const ROWS = 200_000;
const root = fileURLToPath(new URL("../..", import.meta.url));
const here = (file: string) => JSON.stringify(fileURLToPath(new URL(file, import.meta.url)));

/** Writes and prunes checkpoints for ever, saying each step before it starts and after it ends. */
const writer = (runDir: string, first: number) => `
import { contentOf } from ${here("./testing.ts")};
import { writeCheckpoint } from ${here("./write.ts")};
import { updatePointers } from ${here("./discovery.ts")};
import { pruneCheckpoints } from ${here("./prune.ts")};
const runDir = ${JSON.stringify(runDir)};
for (let step = ${first}; ; step++) {
  process.stdout.write("begin " + step + "\\n");
  await writeCheckpoint(runDir, contentOf(step, { auc: 1 / step }, ${ROWS}));
  process.stdout.write("end " + step + "\\n");
  await updatePointers(runDir, "auc");
  await pruneCheckpoints(runDir, { keep: 2 });
}`;

let run: string;
beforeAll(async () => {
  run = await mkdtemp(join(tmpdir(), "crash-"));
});
afterAll(() => rm(run, { recursive: true }));

/** Runs the writer, kills it `delay` ms after it begins its third step, and says which steps it had ended. */
async function writeAndKill(first: number, delay: number): Promise<number> {
  const script = join(run, "writer.mts");
  await writeFile(script, writer(run, first));
  const child = spawn(process.execPath, ["--import", "jiti/register", script], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  let ended = 0;
  let killed = false;
  child.stdout.on("data", (text: Buffer) => {
    for (const [, step] of text.toString().matchAll(/end (\d+)\n/g)) ended = Number(step);
    if (!killed && text.includes(`begin ${first + 2}\n`)) {
      killed = true;
      setTimeout(() => child.kill("SIGKILL"), delay);
    }
  });
  const [, signal] = await once(child, "close");
  expect(signal, errors).toBe("SIGKILL");
  return ended;
}

describe("a writer killed at any moment", () => {
  it("leaves a newest checkpoint that is whole, and a run that goes on", async () => {
    let next = 1;
    for (const delay of [0, 2, 5, 9]) {
      const ended = await writeAndKill(next, delay);
      const { checkpoint, rejected } = await findLatest(run, { checksums: true });
      expect(rejected).toEqual([]);
      // The killed step may have been renamed into place without having been announced.
      expect([ended, ended + 1]).toContain(checkpoint!.manifest.step);
      const model = await checkpoint!.openModel();
      const values = await model.read("embedding.user");
      await model.close();
      const { step } = checkpoint!.manifest;
      const expected = contentOf(step, {}, ROWS).model.get("embedding.user")!.data as Float32Array;
      expect(Buffer.compare(bytesOf(values), bytesOf(expected))).toBe(0);
      next = step + 1;
    }
    await writeCheckpoint(run, contentOf(next));
    await pruneCheckpoints(run, { keep: 1 });
    const left = (await readdir(join(run, "checkpoints"))).filter((name) => name.startsWith(".tmp-"));
    expect(left).toEqual([]);
    // The best, the one that latest.json pointed to before the kill, and the newest.
    expect((await listCheckpoints(run)).length).toBeLessThanOrEqual(3);
  });
});
