import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findCheckpoint, withCheckpoint } from "../saved/find-checkpoint.js";
import { updatePointers } from "./discovery.js";
import { pruneCheckpoints } from "./prune.js";
import { contentOf } from "./testing.js";
import { writeCheckpoint } from "./write.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const file = (name: string) => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));

let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "two-processes-"));
});
afterEach(() => rmSync(run, { recursive: true }));

/** Each checkpoint is better than the one before, so that every save prunes the best and the latest so far. */
const WRITER = `
  import { contentOf } from ${file("./testing.ts")};
  import { updatePointers } from ${file("./discovery.ts")};
  import { pruneCheckpoints } from ${file("./prune.ts")};
  import { writeCheckpoint } from ${file("./write.ts")};
  const [, , runDir] = process.argv;
  process.stdin.on("end", () => process.exit()).resume(); // the test is gone, however it ended
  for (let step = 1; ; step++) {
    const newest = await writeCheckpoint(runDir, contentOf(step, { auc: step / 1e6 }));
    await updatePointers(runDir, "auc", newest);
    await pruneCheckpoints(runDir, { keep: 1, newest });
    if (step === 1) console.log("ready");
  }`;

it.each(["best", "latest"] as const)(
  "loads the %s checkpoint while another process saves and prunes",
  async (choice) => {
    const script = join(run, "writer.mts");
    writeFileSync(script, WRITER);
    const child = spawn(process.execPath, ["--import", "tsx", script, run], { cwd: root });
    const warnings: string[] = [];
    const steps: number[] = [];
    try {
      await once(child.stdout, "data");
      for (const end = Date.now() + 2_000; Date.now() < end; )
        await withCheckpoint(
          () => findCheckpoint(run, choice, (message) => warnings.push(message)),
          async (checkpoint) => {
            const model = await checkpoint.openModel();
            const { step } = checkpoint.manifest;
            expect((await model.read("embedding.user"))[0]).toBe(step);
            await model.close();
            steps.push(step);
          },
        );
    } finally {
      child.kill("SIGKILL");
      await once(child, "close");
    }
    expect(warnings).toEqual([]);
    expect(steps.length).toBeGreaterThan(20);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(new Set(steps).size).toBeGreaterThan(5);
  },
);

it("leaves directories that the umask decides about", async () => {
  const before = process.umask(0o022);
  try {
    await writeCheckpoint(run, contentOf(1, { auc: 0.5 }));
    await updatePointers(run, "auc");
    await pruneCheckpoints(run, { keep: 1 });
  } finally {
    process.umask(before);
  }
  const mode = (...names: string[]) => statSync(join(run, "checkpoints", ...names)).mode & 0o777;
  expect(mode("step-00000001")).toBe(0o755);
  for (const name of readdirSync(join(run, "checkpoints", "step-00000001")))
    expect(mode("step-00000001", name)).toBe(0o644);
  expect(mode("best.json")).toBe(0o644);
});
