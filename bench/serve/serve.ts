import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "../../src/serve/load.js";
import { callTimes, quantile } from "../call-times.js";
import { exportForOnnx, rankRequest, saveUntrained } from "../dlrm-kaggle.js";
import { type Figure, spread } from "../figure.js";
import { closedLoop, type Outcome, openLoop } from "./load.js";
import { BenchServer, pin } from "./server.js";
import { arrowRanking, onePrediction, ranking } from "./shots.js";
import { SlowClients } from "./slow-clients.js";

/** What one measurement says. */
type Line = Readonly<Record<(typeof COLUMNS)[number], number>>;
const COLUMNS = [
  "requests/s",
  "p50 ms",
  "p99 ms",
  "wait p99 ms",
  "server s/s",
  "generator s/s",
  "503/s",
  "failed",
  "memory MB",
] as const;

const MODEL = "model.onnx";
const CONNECTIONS = 16;
const SLOW = 500;
const IN_PROCESS_ITEMS = 500;
const WARM_UP_CALLS = 20;

/**
 * `pairloom serve` with dlrm-kaggle, the generator of requests on the same machine. For the knee and what follows it, server and
 * generator have a core each, where there are two.
 */
export const serve: Figure = {
  title: "pairloom serve, dlrm-kaggle: rank 50 items, half of the features are the user's",
  async run({ rounds, seconds }) {
    const folder = mkdtempSync(join(tmpdir(), "pairloom-serve-"));
    try {
      await saveUntrained(folder);
      await exportForOnnx(folder, join(folder, MODEL));
      const lines = new Map<string, Line[]>();
      for (let round = 1; round <= rounds; round++)
        for await (const [name, line] of measurements(folder, seconds)) {
          lines.set(name, [...(lines.get(name) ?? []), line]);
          console.error(`round ${round} of ${rounds}: ${name}`);
        }
      const rows = [...lines].map(([name, measured]) => [
        name,
        ...COLUMNS.map((column) => cell(measured, column)),
      ]);
      return { head: ["", ...COLUMNS], rows };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function* measurements(run: string, seconds: number): AsyncGenerator<[string, Line]> {
  yield* inProcess(run, seconds);
  for (const workers of [1, 2]) yield* plainRates(run, workers, seconds);
  const [serverCore, ownCore] = twoCores(availableParallelism());
  pin(ownCore);
  const pinned = await BenchServer.start(run, serverCore);
  yield* aroundTheKnee(pinned, seconds);
  await pinned.stop();
  const onnx = await BenchServer.onnx(join(run, MODEL), serverCore);
  await closedLoop(onnx.url, ranking, CONNECTIONS, 1);
  const rate = await line(onnx, () => closedLoop(onnx.url, ranking, CONNECTIONS, seconds));
  yield ["the knee of onnxruntime-node behind the same route", rate];
  await onnx.stop();
  pin(undefined);
}

/** One for the server and one for the generator, which are not two threads of one core if there are many. */
function twoCores(all: number): number[] {
  if (all < 2) return [];
  return all < 8 ? [0, 1] : [2, 5];
}

async function* plainRates(run: string, workers: number, seconds: number): AsyncGenerator<[string, Line]> {
  const server = await BenchServer.start(run, undefined, "--workers", String(workers));
  const named = workers === 1 ? "" : `, ${workers} workers`;
  const shots = { JSON: ranking, Arrow: arrowRanking };
  for (const [form, shot] of Object.entries(shots)) {
    await closedLoop(server.url, shot, CONNECTIONS, 1);
    const rate = await line(server, () => closedLoop(server.url, shot, CONNECTIONS, seconds));
    yield [`rank 50, ${form}${named}`, rate];
  }
  if (workers === 1) {
    const single = await line(server, () => closedLoop(server.url, onePrediction, 1, seconds));
    yield ["predict 1 row, one client", single];
  }
  await server.stop();
}

async function* aroundTheKnee(server: BenchServer, seconds: number): AsyncGenerator<[string, Line]> {
  const { url } = server;
  await closedLoop(url, ranking, CONNECTIONS, 1);
  const knee = await line(server, () => closedLoop(url, ranking, CONNECTIONS, seconds));
  yield ["the knee: 16 clients", knee];
  const rate = knee["requests/s"];
  const at = (share: number) => line(server, () => openLoop(url, ranking, share * rate, seconds));
  yield ["70 % of the knee", await at(0.7)];
  yield ["50 % of the knee", await at(0.5)];
  const slow = new SlowClients(url, SLOW);
  await slow.connected();
  yield [`50 %, with ${SLOW} slow headers and ${SLOW} slow bodies`, await at(0.5)];
  slow.stop();
  yield ["5 times the knee", await at(5)];
  yield ["70 %, after it", await at(0.7)];
}

/** `predict` and `rank` of the same items, without a server. */
async function* inProcess(run: string, seconds: number): AsyncGenerator<[string, Line]> {
  const model = await load(run);
  const request = rankRequest(IN_PROCESS_ITEMS);
  const full = request.items.map((item) => ({ ...request.user, ...item }));
  yield [`in process: predict ${IN_PROCESS_ITEMS} full rows`, calls(() => model.predict(full), seconds)];
  yield [`in process: rank ${IN_PROCESS_ITEMS} items`, calls(() => model.rank(request), seconds)];
}

function calls(call: () => unknown, seconds: number): Line {
  const times = callTimes(call, seconds, WARM_UP_CALLS);
  return lineOf({ times, waits: new Float64Array(1), statuses: new Map(), seconds, processor: 0 }, 0, 0);
}

async function line(server: BenchServer, run: () => Promise<Outcome>): Promise<Line> {
  const before = server.processor();
  const outcome = await run();
  return lineOf(outcome, server.processor() - before, server.memory());
}

function lineOf(
  { times, waits, statuses, seconds, processor }: Outcome,
  server: number,
  memory: number,
): Line {
  const refused = statuses.get(503) ?? 0;
  const others = [...statuses].filter(([status]) => status !== 200 && status !== 503);
  return {
    "requests/s": times.length / seconds,
    "p50 ms": 1000 * quantile(times, 0.5),
    "p99 ms": 1000 * quantile(times, 0.99),
    "wait p99 ms": 1000 * quantile(waits, 0.99),
    "server s/s": server / seconds,
    "generator s/s": processor / seconds,
    "503/s": refused / seconds,
    failed: others.reduce((sum, [, count]) => sum + count, 0),
    "memory MB": memory / 1e6,
  };
}

function cell(lines: readonly Line[], column: keyof Line): string {
  return spread(
    lines.map((each) => each[column]),
    (value) => (value === 0 ? "0" : value.toPrecision(3)),
  );
}
