import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "../../src/serve/load.js";
import { callTimes, quantile } from "../call-times.js";
import { exportForOnnx, rankRequest, saveUntrained } from "../dlrm-kaggle.js";
import { type Figure, spread } from "../figure.js";
import { closedLoop, type Outcome, openLoop } from "./load.js";
import { BenchServer, pin } from "./server.js";
import { arrowRanking, onePrediction, ranking, type Shot } from "./shots.js";
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
/** The knee is found in less time than the load is kept. */
const KNEE_SECONDS = 10;
const IN_PROCESS_ITEMS = 500;
/** Half of the columns, half of the fields of the model, and two thirds of them. */
const IDS_OF_USER = [7, 13, 17];
const WARM_UP_CALLS = 20;

const TITLE = "pairloom serve, dlrm-kaggle: rank 50 items, half of the features are the user's";

/**
 * `pairloom serve` with dlrm-kaggle, the generator of requests on the same machine: the most that it answers. Where it says so, server
 * and generator have a core each, where there are two.
 */
export const serve: Figure = figureOf(TITLE, rates);

/** The same server at set rates, each with a core. */
export const serveLoad: Figure = figureOf(`${TITLE}, at set rates`, setRates);

/** What is measured, and its name. */
type Measurements = AsyncGenerator<[string, Line]>;

function figureOf(title: string, measure: (folder: string, seconds: number) => Measurements): Figure {
  return {
    title,
    async run({ rounds, seconds }) {
      const folder = mkdtempSync(join(tmpdir(), "pairloom-serve-"));
      try {
        const lines = new Map<string, Line[]>();
        for (let round = 1; round <= rounds; round++)
          for await (const [name, line] of measure(join(folder, String(round)), seconds)) {
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
}

async function* rates(folder: string, seconds: number): Measurements {
  const runs = { fp32: join(folder, "fp32"), bf16: join(folder, "bf16") };
  await saveUntrained(runs.fp32);
  await saveUntrained(runs.bf16, "bf16");
  await exportForOnnx(runs.fp32, join(folder, MODEL));
  yield* inProcess(runs.fp32, seconds);
  for (const workers of [1, 2]) yield* plainRates(runs.fp32, workers, seconds);
  const [serverCore, ownCore] = twoCores(availableParallelism());
  pin(ownCore);
  for (const [precision, run] of Object.entries(runs))
    yield* knees(`, a core, ${precision} products`, await BenchServer.start(run, serverCore), seconds);
  const onnx = await BenchServer.onnx(join(folder, MODEL), serverCore);
  yield* knees(", a core, onnxruntime-node behind the same route", onnx, seconds, { JSON: ranking });
  pin(undefined);
}

/** One for the server and one for the generator, which are not two threads of one core if there are many. */
function twoCores(all: number): number[] {
  if (all < 2) return [];
  return all < 8 ? [0, 1] : [2, 5];
}

async function* plainRates(run: string, workers: number, seconds: number): Measurements {
  const server = await BenchServer.start(run, undefined, "--workers", String(workers));
  if (workers === 1) {
    await closedLoop(server.url, onePrediction, 1, 1);
    const single = await line(server, () => closedLoop(server.url, onePrediction, 1, seconds));
    yield ["predict 1 row, one client", single];
  }
  yield* knees(workers === 1 ? "" : `, ${workers} workers`, server, seconds);
}

/** The most requests that a server answers, which it then ends. */
async function* knees(
  named: string,
  server: BenchServer,
  seconds: number,
  shots: Readonly<Record<string, Shot>> = { JSON: ranking, Arrow: arrowRanking },
): Measurements {
  for (const [form, shot] of Object.entries(shots)) {
    await closedLoop(server.url, shot, CONNECTIONS, 1);
    yield [
      `rank 50, ${form}${named}`,
      await line(server, () => closedLoop(server.url, shot, CONNECTIONS, seconds)),
    ];
  }
  await server.stop();
}

async function* setRates(run: string, seconds: number): Measurements {
  await saveUntrained(run);
  const [serverCore, ownCore] = twoCores(availableParallelism());
  pin(ownCore);
  const server = await BenchServer.start(run, serverCore);
  yield* aroundTheKnee(server, seconds);
  await server.stop();
  pin(undefined);
}

async function* aroundTheKnee(server: BenchServer, seconds: number): Measurements {
  const { url } = server;
  await closedLoop(url, ranking, CONNECTIONS, 1);
  const knee = await line(server, () =>
    closedLoop(url, ranking, CONNECTIONS, Math.min(seconds, KNEE_SECONDS)),
  );
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
async function* inProcess(run: string, seconds: number): Measurements {
  const model = await load(run);
  for (const ids of IDS_OF_USER) {
    const request = rankRequest(IN_PROCESS_ITEMS, ids);
    const full = request.items.map((item) => ({ ...request.user, ...item }));
    const named = `${IN_PROCESS_ITEMS} items, 13 numbers and ${ids} of 26 ids are the user's`;
    yield [`in process: predict ${named}`, calls(() => model.predict(full), seconds)];
    yield [`in process: rank ${named}`, calls(() => model.rank(request), seconds)];
  }
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
