import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findLatest } from "../checkpoint/index.js";
import { hashTensors, type TensorHashes } from "../saved/hash-tensors.js";
import { trainTiered } from "./testing.js";

/* Runs with a table larger than memory that the system stops. What they have saved is whole, and they go on with the same bytes. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-tier-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const root = fileURLToPath(new URL("../..", import.meta.url));
const helper = JSON.stringify(fileURLToPath(new URL("./testing.ts", import.meta.url)));

/** Trains in another process, with `before` in the shell; its exit code or signal, and what it printed. */
async function inProcess(code: string, before = "") {
  const script = join(folder, `run-${readdirSync(folder).length}.mts`);
  writeFileSync(
    script,
    `import { trainTiered } from ${helper};\nconst folder = ${JSON.stringify(folder)};\n${code}`,
  );
  const child = spawn("bash", ["-c", `${before} exec "$0" --import tsx "$1"`, process.execPath, script], {
    cwd: root,
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += text));
  const [rc, signal] = await once(child, "close");
  return { end: rc ?? signal, printed };
}

const latest = async (name: string) => (await findLatest(join(folder, name))).checkpoint!;

let whole: TensorHashes;
beforeAll(async () => {
  await trainTiered(folder, "plain", {});
  whole = await hashTensors(await latest("plain"));
});

it("killed after a step, while rows are written, it goes on from its last checkpoint", async () => {
  const killed = await inProcess(`
    await trainTiered(folder, "killed", { store: { memory: "20KB" }, onStep: (step) => {
      if (step >= 13) process.kill(process.pid, "SIGKILL");
    } });`);
  expect(killed).toEqual({ end: "SIGKILL", printed: "" });
  expect((await latest("killed")).manifest.step).toBe(10);
  expect(readdirSync(join(folder, "killed")).filter((name) => name.startsWith("pairloom-rows"))).toEqual([]);
  await trainTiered(folder, "killed", { store: { memory: "20KB" }, resume: true });
  expect(await hashTensors(await latest("killed"))).toEqual(whole);
});

it("out of space for its rows, it says so, and goes on when there is some", async () => {
  const full = await inProcess(
    `await trainTiered(folder, "full", { store: { memory: "20KB" } }).catch((error) => {
      console.log(error.message);
      process.exit(3);
    });`,
    "ulimit -f 1200;",
  );
  expect(full.end, full.printed).toBe(3);
  expect(full.printed).toMatch(/translation item, step \d+, .*full: the rows of a table cannot be written/);
  expect(full.printed).toMatch(/room for the rows that do not fit in memory\n.*Free space there/);
  expect((await latest("full")).manifest.step).toBe(10);
  await trainTiered(folder, "full", { store: { memory: "20KB" }, resume: true });
  expect(await hashTensors(await latest("full"))).toEqual(whole);
});

it("beside another one in the same directory, both keep their rows", async () => {
  const store = { memory: "20KB", path: join(folder, "rows") };
  await Promise.all(["one", "other"].map((name) => trainTiered(folder, name, { store })));
  expect(await hashTensors(await latest("one"))).toEqual(whole);
  expect(await hashTensors(await latest("other"))).toEqual(whole);
});
