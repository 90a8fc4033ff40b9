import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { load } from "../src/serve/load.js";
import { saveInitial } from "../src/serve/testing.js";
import { get, post, saveUntrained } from "../src/server/testing.js";
import { cli, PAIRLOOM } from "./cli-world.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-serve-cli-"));
const run = join(folder, "run");
/** A token of letters that no header has. */
const unsendable = join(folder, "token");
writeFileSync(unsendable, "geheim-ü");
beforeAll(() => saveUntrained(run));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A long form: `STOPS=50 npx vitest run test/serve.test.ts`. */
const STOPS = Number(process.env.STOPS ?? 1);
const ROW = { user: "u1", item: 3, price: 2.5, tags: ["a"], vector: [1, 2] };

interface Started {
  readonly url: string;
  readonly child: ChildProcess;
  readonly log: () => Record<string, unknown>[];
}

async function start(...args: string[]): Promise<Started> {
  // However slow the machine is: other tests are of refusing.
  const patient = ["--port", "0", "--work", "1000000", "--deadline", "1000000"];
  const child = spawn(PAIRLOOM[0], [...PAIRLOOM.slice(1), "serve", ...args, ...patient]);
  let [out, err] = ["", ""];
  const log = () =>
    out
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const url = () => /^Serving on ([^ ,]+)/m.exec(err)?.[1];
  await new Promise<void>((serves, fails) => {
    child.stdout.on("data", (text) => {
      out += text;
    });
    child.stderr.on("data", (text) => {
      err += text;
      if (url() !== undefined) serves();
    });
    child.on("exit", () => fails(new Error(err)));
  });
  return { url: url()!, child, log };
}

/** Sends requests until the server is gone. @returns how many were answered, and what else happened to one that was sent */
async function ask(url: string): Promise<{ answered: number; lost: string[] }> {
  for (let answered = 0; ; answered++) {
    try {
      const response = await post(`${url}/v1/predict`, { rows: [ROW] });
      await response.json();
      if (response.status !== 200) return { answered, lost: [String(response.status)] };
    } catch (error) {
      const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? String(error);
      return { answered, lost: code === "ECONNREFUSED" ? [] : [code] };
    }
  }
}

describe.each([["one process"], ["two processes", "--workers", "2"]])("%s", (_, ...args) => {
  it(
    "answers all requests that were sent when it is told to stop",
    async () => {
      for (let stop = 0; stop < STOPS; stop++) {
        const { url, child } = await start(run, ...args);
        const clients = Array.from({ length: 8 }, () => ask(url));
        await new Promise((done) => setTimeout(done, 200));
        child.kill("SIGTERM");
        const [[code], results] = await Promise.all([once(child, "exit"), Promise.all(clients)]);
        expect(code).toBe(0);
        expect(results.flatMap(({ lost }) => lost)).toEqual([]);
        for (const { answered } of results) expect(answered).toBeGreaterThan(0);
      }
    },
    20_000 + STOPS * 30_000,
  );
});

it("processes reload together, and add up their numbers", async () => {
  const path = join(folder, "together");
  await saveUntrained(path, 1);
  const { url, child, log } = await start(path, "--workers", "2", "--sample", "100%");
  const stepsOf = async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(`${url}/v1/predict`, { rows: [ROW] })),
    );
    return new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).version)));
  };
  expect(await stepsOf()).toEqual(new Set(["step-00000001"]));
  await saveUntrained(path, 2);
  expect((await post(`${url}/v1/reload`, {})).status).toBe(200);
  expect(await stepsOf()).toEqual(new Set(["step-00000002"]));
  rmSync(join(path, "checkpoints"), { recursive: true });
  const refused = await post(`${url}/v1/reload`, {});
  expect([refused.status, await refused.json()]).toMatchObject([409, { error: { where: "main" } }]);
  const metrics = await (await get(`${url}/metrics`)).text();
  for (const step of [1, 2])
    expect(metrics).toMatch(
      new RegExp(`^pairloom_rows_total\\{.*version="step-0000000${step}".*\\} 20$`, "m"),
    );
  child.kill("SIGTERM");
  await once(child, "exit");
  const samples = log().flatMap(({ sample }) => (sample === undefined ? [] : [sample]));
  expect(samples).toHaveLength(40);
  expect(samples[0]).toMatchObject({
    route: "/v1/predict",
    body: { rows: [ROW] },
    answer: { version: "step-00000001" },
  });
});

it("a server whose last process has ended by itself ends, too", async () => {
  const { child, log } = await start(run, "--workers", "2");
  const pids = () => log().flatMap(({ msg, pid }) => (msg === "serving" ? [pid as number] : []));
  await expect.poll(pids).toHaveLength(2);
  for (const pid of pids()) process.kill(pid, "SIGKILL");
  expect(await once(child, "exit")).toEqual([1, null]);
});

it("a server whose processes cannot open the model ends", async () => {
  const empty = mkdtempSync(join(folder, "empty-"));
  await expect(start(empty, "--workers", "2")).rejects.toThrow(
    /not a run directory[\s\S]*a worker has ended before it could serve/,
  );
});

it("processes get new events together, after those of a file", async () => {
  const path = join(folder, "events");
  const events = { clicks: { path: "gone.csv", by: "user", time: "at" } };
  await saveInitial(
    path,
    {
      data: { train: { path: "none.csv", events }, label: "clicked" },
      features: [{ kind: "sequence", name: "seen", sequence: "clicks", column: "clicks.item", hash: 50 }],
      model: { kind: "mlp", embeddingDim: 4, features: ["seen"], mlp: { hiddenUnits: [8] } },
    },
    1,
  );
  const file = join(folder, "clicks.csv");
  writeFileSync(file, "user,at,item\n1,10,a\n2,10,b\n1,20,c\n");
  const { url, child } = await start(path, "--workers", "2", "--events", `clicks=${file}`);
  const scoresOf = async (row: object) => {
    const answers = Array.from({ length: 20 }, () => post(`${url}/v1/predict`, { rows: [row] }));
    const scores = (await Promise.all(answers)).map(async (answer) => (await answer.json()).scores[0]);
    return new Set(await Promise.all(scores));
  };
  const model = await load(path);
  const expected = (...seen: string[]) => new Set(model.predict([{ "clicks.item": seen }]));
  expect(await scoresOf({ user: 1, at: 30 })).toEqual(expected("a", "c"));
  const added = await post(`${url}/v1/events`, { clicks: [{ user: 1, at: 25, item: "d" }] });
  expect(await added.json()).toEqual({ added: 1 });
  expect(await scoresOf({ user: 1, at: 30 })).toEqual(expected("a", "c", "d"));
  child.kill("SIGTERM");
  await once(child, "exit");
});

it.each([
  [["none"], /error: .*none/],
  [["run", "--split", "b=5%"], /--split names a model that --model does not name/],
  [["run", "--split", "b"], /--split needs a name and a value/],
  [["run", "--model", "b=run", "--split", "b=500%"], /--split needs a share/],
  [["run", "--model", "b=run", "--split", "b=5%", "--split", "b=6%"], /--split has two values for one name/],
  [["run", "--token-file", unsendable], /the token has characters that clients cannot send/],
  [["run", "--follow", "--checkpoint", "best"], /--follow serves the newest version/],
  [["run", "--host", "0.0.0.0"], /outside this machine a server needs a token/],
  [["run", "--tls-cert", "x.pem"], /x\.pem/],
])("refuses %j", async (args, message) => {
  const { code, err } = await cli("serve", args[0] === "run" ? run : args[0], ...args.slice(1));
  expect(err).toMatch(message);
  expect(code).toBe(1);
});
