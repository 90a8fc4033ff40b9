import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { listCheckpoints } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { draw, drawKey } from "../random.js";
import { Trainer } from "../train/trainer.js";
import { load } from "./load.js";

/*
 * Threads that predict with the newest version while a run publishes complete ones and changes, and removes old ones: each answer
 * is that of one version. What a version answers is known from the same run, trained before with nobody reading: its versions
 * are opened one by one, complete.
 */

/** The long form has 100, for a minute and more. */
const VERSIONS = Number(process.env.PAIRLOOM_FOLLOWED_VERSIONS ?? 8);
const THREADS = VERSIONS < 100 ? 2 : 4;
const STEPS = 4;

const folder = mkdtempSync(join(tmpdir(), "pairloom-hammer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = drawKey(9, 0, 0);
const ROWS = Array.from({ length: 4000 }, (_, i) => ({
  user: draw(key, 3 * i) % 300,
  item: draw(key, 3 * i + 1) % 900,
  y: draw(key, 3 * i + 2) % 2,
}));

/** A user with 50 candidates, some of which have no row. */
const REQUESTS = [3, 77, 210].map((user) =>
  Array.from({ length: 50 }, (_, i) => ({ user, item: (user * 37 + 19 * i) % 950 })),
);

const configOf = (to: string, versions: number, keep: number) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "user", hash: 40_000, dtype: "bf16" },
      { kind: "id", name: "item", dynamic: { capacity: 400 } },
    ],
    model: {
      kind: "deepfm",
      embeddingDim: 8,
      wide: { features: ["user", "item"] },
      deep: { features: ["user", "item"], mlp: { hiddenUnits: [8] } },
    },
    train: {
      batchSize: 64,
      steps: versions * STEPS,
      threads: 1,
      optimizer: { embedding: { kind: "adagrad", learningRate: 0.3 } },
      checkpoint: { every: 1e6 },
      publish: { every: STEPS, to, keep, full: { every: 5 } },
    },
  });

/** Trains up to a version, and publishes each of them. */
async function publish(to: string, { versions = VERSIONS, keep = 2, resume = false } = {}): Promise<void> {
  const config = configOf(to, versions, keep);
  const { features, splits } = await prepareData(config);
  const options = { config, features, train: splits.train, runDir: `${to}-run`, resume };
  await new Trainer({ ...options, backend: chooseBackend().backend }).run();
}

const answerOf = (logits: Float32Array) => createHash("sha256").update(logits).digest("hex");

/** The answer of each version to each request. */
async function answersOf(to: string): Promise<Set<string>> {
  const answers = new Set<string>();
  for (const { dir, name } of await listCheckpoints(to)) {
    const model = await load(dir);
    for (const [i, request] of REQUESTS.entries())
      answers.add(`${name} ${i} ${answerOf(model.logits(request))}`);
  }
  return answers;
}

const file = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
const THREAD = `
  import { createHash } from "node:crypto";
  import { parentPort, workerData } from "node:worker_threads";
  import { register } from ${JSON.stringify(import.meta.resolve("tsx/esm/api"))};
  register();
  const { load } = await import(${file("./load.ts")});
  const { to, requests } = workerData;
  const model = await load(to, { follow: { every: 5 } });
  const answers = new Set();
  const versions = [];
  let calls = 0;
  let last = "";
  parentPort.on("message", (version) => { last = version; });
  parentPort.postMessage("ready");
  for (let isLast = false; !isLast; ) {
    isLast = model.version === last;
    for (const [i, request] of requests.entries()) {
      const { version } = model;
      const answer = createHash("sha256").update(model.logits(request)).digest("hex");
      answers.add([version, i, answer].join(" "));
      if (versions.at(-1) !== version) versions.push(version);
      calls++;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await model.close();
  parentPort.postMessage({ answers: [...answers], versions, calls });
  parentPort.close();
`;

interface Told {
  readonly answers: readonly string[];
  readonly versions: readonly string[];
  readonly calls: number;
}

async function startThread(to: string): Promise<Worker> {
  const script = join(folder, "thread.mjs");
  writeFileSync(script, THREAD);
  const thread = new Worker(script, { workerData: { to, requests: REQUESTS } });
  await once(thread, "message");
  return thread;
}

it("each answer is that of one version, and versions only get newer", async () => {
  const [known, to] = ["known", "followed"].map((name) => join(folder, name));
  await publish(known, { keep: 1e6 });
  const answers = await answersOf(known);
  expect(answers.size).toBe(VERSIONS * REQUESTS.length);
  await publish(to, { versions: 2 });
  const threads = await Promise.all(Array.from({ length: THREADS }, () => startThread(to)));
  const told = threads.map(async (thread) => (await once(thread, "message"))[0] as Told);
  await publish(to, { resume: true });
  const last = (await listCheckpoints(to)).at(-1)!.name;
  for (const thread of threads) thread.postMessage(last);
  for (const { answers: given, versions, calls } of await Promise.all(told)) {
    expect(given.filter((answer) => !answers.has(answer))).toEqual([]);
    expect(versions).toEqual([...new Set(versions)].sort());
    expect(versions.at(-1)).toBe(last);
    expect(calls).toBeGreaterThan(versions.length);
  }
}, 600_000);
