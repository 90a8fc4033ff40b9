import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RunLock } from "../../checkpoint/index.js";
import { MetricsLog } from "../../train/log/metrics-log.js";
import { gatherLogged } from "../gather.js";
import { RunWatcher } from "./run-watcher.js";
import { WatchServer } from "./watch-server.js";

let dir: string;
let server: WatchServer | undefined;
const stop = new AbortController();
let scored = 0;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "watch-"));
  scored = 0;
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(dir, { recursive: true });
});

/** A server for the run, and what looks at its files. */
async function watch(): Promise<{ url: string; watcher: RunWatcher }> {
  const watcher = await RunWatcher.of(dir, async () => {
    scored++;
    return { ...(await gatherLogged(dir)), warnings: ["scored"] };
  });
  server = new WatchServer(watcher);
  return { url: await server.listen(0), watcher };
}

/** The events of a page, in order. */
async function* eventsOf(url: string) {
  const response = await fetch(`${url}events`, { signal: stop.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  let text = "";
  for await (const bytes of response.body!) {
    text += Buffer.from(bytes).toString();
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end))!;
      text = text.slice(end + 2);
      yield { kind, data: JSON.parse(data) };
    }
  }
}

const log = (steps: number[], resumedStep?: number, folder = "") => {
  const file = new MetricsLog(join(dir, folder, "metrics.jsonl"), { resumedStep });
  for (const step of steps) file.write({ step, epoch: 0, split: "train", values: { loss: 1 / step } });
  file.close();
};
const stepsOf = ({ charts }: { charts: { curves: { steps: number[] }[] }[] }) =>
  charts.flatMap(({ curves }) => curves[0].steps);

function statusWith(url: string, host: string, method = "GET"): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { host } }, (response) =>
      resolve(response.resume().statusCode),
    );
    sent.on("error", reject).end();
  });
}

describe("watching a run", () => {
  it("tells new measurements, those of a resumed run, and its end", async () => {
    const lock = await RunLock.acquire(dir);
    const { url, watcher } = await watch();
    const events = eventsOf(url);
    const next = async () => (await events.next()).value!;
    expect(stepsOf((await next()).data)).toEqual([]);
    log([10, 20]);
    await watcher.look();
    const first = await next();
    expect(first.kind).toBe("curves");
    expect(stepsOf(first.data)).toEqual([10, 20]);
    expect(first.data.state).toBe("training, step 20");
    expect(first.data.table).toContain("0.05");
    log([11, 12], 10); // resumed from step 10: what came later is gone
    await watcher.look();
    expect(stepsOf((await next()).data)).toEqual([10, 11, 12]);
    writeFileSync(join(dir, "report.json"), "{}");
    await watcher.look(); // written, but the run is not over
    expect(scored).toBe(0);
    await lock.release();
    await watcher.look();
    expect((await next()).kind).toBe("report");
    expect(scored).toBe(1);
    expect(await (await fetch(`${url}report.json`)).json()).toMatchObject({
      warnings: ["scored"],
      state: "ended",
    });
    await watcher.look();
    expect(scored).toBe(1);
  });

  it("shows the members of a run of several seeds while they train", async () => {
    const lock = await RunLock.acquire(dir);
    const { watcher } = await watch();
    for (const seed of [1, 2]) {
      mkdirSync(join(dir, "members", `seed-${seed}`), { recursive: true });
      log([10, 20], undefined, join("members", `seed-${seed}`));
      await watcher.look();
      expect(watcher.data.curves.map(({ split }) => split)).toEqual(
        ["seed-1 train", "seed-2 train"].slice(0, seed),
      );
    }
    log([10, 20, 30, 40]); // the log of the whole run, at its end
    await watcher.look();
    expect(watcher.data.curves.map(({ split, steps }) => [split, steps])).toEqual([
      ["seed-1 train", [10, 20]],
      ["seed-2 train", [10, 20]],
    ]);
    await lock.release();
  });

  it("says that a run has ended which was killed", async () => {
    const lock = await RunLock.acquire(dir);
    log([10]);
    const { url, watcher } = await watch();
    await watcher.look();
    await lock.release();
    await watcher.look();
    expect(await (await fetch(`${url}report.json`)).json()).toMatchObject({ state: "ended" });
  });

  it("serves a page that may connect to its own server only", async () => {
    mkdirSync(join(dir, "checkpoints"));
    const { url } = await watch();
    expect(new URL(url).hostname).toBe("127.0.0.1");
    const page = await (await fetch(url)).text();
    expect(page).toContain("connect-src &#39;self&#39;");
    expect((await fetch(`${url}other`)).status).toBe(404);
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
  });

  it("refuses requests that name another host", async () => {
    mkdirSync(join(dir, "checkpoints"));
    const { url } = await watch();
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`])
      expect(await statusWith(url, host)).toBe(200);
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1",
      `127.0.0.1.evil.example:${port}`,
      `localhost:1`,
    ])
      for (const path of ["", "events", "report.json"]) expect(await statusWith(url + path, host)).toBe(403);
  });

  it("names the port that is taken", async () => {
    mkdirSync(join(dir, "checkpoints"));
    const { url, watcher } = await watch();
    const second = new WatchServer(watcher);
    await expect(second.listen(Number(new URL(url).port))).rejects.toThrow(/cannot be served on this port/);
  });
});
