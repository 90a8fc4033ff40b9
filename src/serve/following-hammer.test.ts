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
import type { TrainingEvent } from "../train/training-event.js";
import { load } from "./load.js";

/*
 * Threads that predict and rank with the newest version while a run publishes complete ones and changes, and removes old ones: each
 * answer is that of one version. What a version answers is known from the same run, trained before with nobody reading: its
 * versions are opened one by one, complete, and score full rows. The first half of the versions comes as fast as the run makes
 * them. In the second half, each comes when all threads have answered with the one before: no thread is two behind.
 */

/** The long form has 100, for a minute and more. */
const VERSIONS = Number(process.env.PAIRLOOM_FOLLOWED_VERSIONS ?? 8);
const THREADS = VERSIONS < 100 ? 2 : 4;
/** Milliseconds after which a thread has stopped following. */
const LONGEST = 60_000;
const STEPS = 4;
const BATCH = 64;

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
      batchSize: BATCH,
      steps: versions * STEPS,
      threads: 1,
      optimizer: { embedding: { kind: "adagrad", learningRate: 0.3 } },
      checkpoint: { every: 1e6 },
      publish: { every: STEPS, to, keep, full: { every: 5 } },
    },
  });

interface Publishing {
  readonly versions?: number;
  readonly keep?: number;
  readonly resume?: boolean;
  /** Called with the step of each version that is there, before the next one is trained. */
  readonly published?: (step: number) => void;
}

/** Trains up to a version, and publishes each of them. */
async function publish(
  to: string,
  { versions = VERSIONS, keep = 2, resume = false, published }: Publishing = {},
): Promise<void> {
  const config = configOf(to, versions, keep);
  const { features, splits } = await prepareData(config);
  const stepsPerEpoch = Math.ceil(ROWS.length / BATCH);
  const listener = (event: TrainingEvent) => {
    if (event.kind !== "epochStarted") return;
    const step = event.epoch * stepsPerEpoch + event.doneRows / BATCH;
    published?.(step - (step % STEPS));
  };
  const options = { config, features, train: splits.train, runDir: `${to}-run`, resume, listener };
  await new Trainer({ ...options, backend: chooseBackend().backend }).run();
}

const digest = (numbers: Float32Array | Float64Array) => createHash("sha256").update(numbers).digest("hex");

/** The answers of each version to each request: the logits of its rows, and its items in order with their scores. */
async function answersOf(to: string): Promise<Set<string>> {
  const answers = new Set<string>();
  for (const { dir, name } of await listCheckpoints(to)) {
    const model = await load(dir);
    for (const [i, rows] of REQUESTS.entries()) {
      const [logits, scores] = [model.logits(rows), model.predict(rows)];
      const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
      const ranked = Float64Array.from(order.flatMap((index) => [index, scores[index]]));
      answers.add(`${name} ${i} ${digest(logits)} ${digest(ranked)}`);
    }
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
  const { to, requests, place, steps } = workerData;
  const digest = (numbers) => createHash("sha256").update(numbers).digest("hex");
  const model = await load(to, { follow: { every: 5 } });
  const answers = new Set();
  const versions = [];
  let calls = 0;
  let last = "";
  parentPort.on("message", (version) => { last = version; });
  parentPort.postMessage("ready");
  for (let isLast = false; !isLast; ) {
    isLast = model.version === last;
    const { version } = model;
    for (const [i, rows] of requests.entries()) {
      const items = rows.map(({ item }) => ({ item }));
      const ranked = model.rank({ user: { user: rows[0].user }, items }).flatMap(({ index, score }) => [index, score]);
      answers.add([version, i, digest(model.logits(rows)), digest(Float64Array.from(ranked))].join(" "));
      calls++;
    }
    if (versions.at(-1) !== version) versions.push(version);
    Atomics.store(steps, place, model.step);
    Atomics.notify(steps, place);
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

/** @param steps the step of the version that each thread has answered with */
async function startThread(to: string, place: number, steps: Int32Array): Promise<Worker> {
  const script = join(folder, "thread.mjs");
  writeFileSync(script, THREAD);
  const thread = new Worker(script, { workerData: { to, requests: REQUESTS, place, steps } });
  await once(thread, "message");
  return thread;
}

/** Waits until every thread has answered with the version of this step. */
function awaitAnswers(steps: Int32Array, step: number): void {
  for (const place of steps.keys())
    for (let seen = Atomics.load(steps, place); seen < step; seen = Atomics.load(steps, place))
      expect(Atomics.wait(steps, place, seen, LONGEST), `version ${step}, thread at ${seen}`).not.toBe(
        "timed-out",
      );
}

it("each answer is that of one version, and no thread that follows is two versions behind", async () => {
  const [known, to] = ["known", "followed"].map((name) => join(folder, name));
  await publish(known, { keep: 1e6 });
  const answers = await answersOf(known);
  expect(answers.size).toBe(VERSIONS * REQUESTS.length);
  await publish(to, { versions: 2 });
  const steps = new Int32Array(new SharedArrayBuffer(4 * THREADS));
  const threads = await Promise.all(Array.from({ length: THREADS }, (_, i) => startThread(to, i, steps)));
  const told = threads.map(async (thread) => (await once(thread, "message"))[0] as Told);
  const paced = (STEPS * VERSIONS) / 2;
  await publish(to, { resume: true, published: (step) => step >= paced && awaitAnswers(steps, step) });
  const names = (await listCheckpoints(known)).map(({ name }) => name);
  for (const thread of threads) thread.postMessage(names.at(-1));
  for (const { answers: given, versions, calls } of await Promise.all(told)) {
    expect(given.filter((answer) => !answers.has(answer))).toEqual([]);
    expect(versions).toEqual([...new Set(versions)].sort());
    expect(versions.slice(-VERSIONS / 2)).toEqual(names.slice(-VERSIONS / 2));
    expect(calls).toBeGreaterThan(versions.length);
  }
}, 600_000);
