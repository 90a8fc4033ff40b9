import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findLatest, listCheckpoints } from "./discovery.js";
import { bytesOf } from "./dtypes.js";
import { pruneCheckpoints } from "./prune.js";
import { contentOf } from "./testing.js";
import { writeCheckpoint } from "./write.js";

const ROWS = 400_000;
const root = fileURLToPath(new URL("../..", import.meta.url));
const here = (file: string) => JSON.stringify(fileURLToPath(new URL(file, import.meta.url)));

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "crash-"));
});
afterEach(() => rm(run, { recursive: true }));

const entries = async () => (await readdir(join(run, "checkpoints"))).sort();
const temporaries = async () => (await entries()).filter((name) => name.startsWith(".tmp-"));

/** Starts a process that runs `code` with the checkpoint functions in scope. */
async function startWriter(code: string) {
  const script = join(run, "writer.mts");
  const imports = [
    `import { contentOf } from ${here("./testing.ts")};`,
    `import { writeCheckpoint } from ${here("./write.ts")};`,
    `import { updatePointers } from ${here("./discovery.ts")};`,
    `import { pruneCheckpoints } from ${here("./prune.ts")};`,
    `const runDir = ${JSON.stringify(run)};`,
    `const die = () => process.kill(process.pid, "SIGKILL");`,
  ];
  await writeFile(script, [...imports, code].join("\n"));
  const child = spawn(process.execPath, ["--import", "tsx", script], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const killed = async () => {
    const [, signal] = await once(child, "close");
    expect(signal, errors).toBe("SIGKILL");
  };
  return { child, killed };
}

describe("a writer killed at a chosen point", () => {
  const dying = (size: string) =>
    `{ dtype: "F32", shape: [${size}], data: (from) => { if (from > 0) die(); } }`;

  it.each([
    ["inside the model", `content.model.set("z", ${dying("2000000")});`, []],
    ["inside the optimizer state", `content.optimizer.set("z", ${dying("2000000")});`, ["model.safetensors"]],
    [
      "before the manifest",
      "content.config = { toJSON: die };",
      ["model.safetensors", "optimizer.safetensors"],
    ],
  ])("%s leaves only a directory that is never taken for a checkpoint", async (_, sabotage, whole) => {
    await writeCheckpoint(run, contentOf(1));
    const { killed } = await startWriter(
      `const content = contentOf(2);\n${sabotage}\nawait writeCheckpoint(runDir, content);`,
    );
    await killed();

    // The kill did land in the middle of a write: the files before it are there, the manifest is not.
    const [leftover, ...others] = await temporaries();
    expect(others).toEqual([]);
    const files = await readdir(join(run, "checkpoints", leftover));
    expect(files).toEqual(expect.arrayContaining(whole));
    expect(files).not.toContain("manifest.json");

    expect(await entries()).toEqual([leftover, "step-00000001"]);
    const { checkpoint, rejected } = await findLatest(run, { checksums: true });
    expect(checkpoint?.name).toBe("step-00000001");
    expect(rejected).toEqual([]);

    await writeCheckpoint(run, contentOf(2));
    await pruneCheckpoints(run, { keep: 2 });
    expect(await entries()).toEqual(["step-00000001", "step-00000002"]);
  });
});

describe("a writer killed at any moment", () => {
  /** Kills a process that writes and prunes for ever, `delay` ms into its third write; the last step it had ended. */
  async function writeAndKill(first: number, delay: number): Promise<number> {
    // The content is made before "begin", so that the delay counts from the start of the write itself.
    const { child, killed } = await startWriter(`
      for (let step = ${first}; ; step++) {
        const content = contentOf(step, { auc: 1 / step }, ${ROWS});
        process.stdout.write("begin " + step + "\\n");
        await writeCheckpoint(runDir, content);
        process.stdout.write("end " + step + "\\n");
        await updatePointers(runDir, "auc");
        await pruneCheckpoints(runDir, { keep: 2 });
      }`);
    let ended = 0;
    let waiting = false;
    child.stdout.on("data", (text: Buffer) => {
      for (const [, step] of text.toString().matchAll(/end (\d+)\n/g)) ended = Number(step);
      if (waiting || !text.includes(`begin ${first + 2}\n`)) return;
      waiting = true;
      setTimeout(() => child.kill("SIGKILL"), delay);
    });
    await killed();
    return ended;
  }

  it("leaves a newest checkpoint that is whole, and a run that goes on", async () => {
    let next = 1;
    for (const delay of [1, 6, 12, 20]) {
      const ended = await writeAndKill(next, delay);
      const { checkpoint, rejected } = await findLatest(run, { checksums: true });
      expect(rejected).toEqual([]);
      const { step } = checkpoint!.manifest;
      // The killed step may have been renamed into place without having been announced.
      expect([ended, ended + 1]).toContain(step);
      const model = await checkpoint!.openModel();
      const values = await model.read("embedding.user");
      await model.close();
      const expected = contentOf(step, {}, ROWS).model.get("embedding.user")!.data as Float32Array;
      expect(Buffer.compare(bytesOf(values), bytesOf(expected))).toBe(0);
      next = step + 1;
    }
    await writeCheckpoint(run, contentOf(next));
    await pruneCheckpoints(run, { keep: 1 });
    expect(await temporaries()).toEqual([]);
    // The newest, and what latest.json and best.json pointed to before the kill.
    expect((await listCheckpoints(run)).length).toBeLessThanOrEqual(3);
  });
});
