import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stepName } from "../checkpoint/paths.js";
import { load } from "../serve/load.js";
import { ServedModels } from "./served-models.js";
import { get, post, type Served, saveUntrained, serveModels } from "./testing.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-operation-"));
const run = join(folder, "run");
const open: Served[] = [];
beforeAll(() => saveUntrained(run));
afterAll(async () => {
  await Promise.all(open.map(({ server }) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function serve(...given: Parameters<typeof serveModels>): Promise<string> {
  const served = await serveModels(...given);
  open.push(served);
  return served.url;
}

const MAIN = [{ name: "main", path: run }];
const ROW = { user: "u1", item: 3, price: 2.5, tags: ["a"], vector: [1, 2] };
/** A long form: `RELOADS=200 npx vitest run src/server/operation.test.ts`. */
const RELOADS = Number(process.env.RELOADS ?? 3);

describe("a server that is full", () => {
  it("refuses at once, says when to try again, and answers the others", async () => {
    const url = await serve(MAIN, { limits: { waiting: 2, work: 1e6, deadline: 1e6, arrival: 2000 } });
    const rows = Array.from({ length: 5000 }, (_, i) => ({ ...ROW, item: i % 30 }));
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(`${url}/v1/predict`, { rows })));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expect(answer.headers.get("retry-after")).toBe("1");
    for (const answer of refused) expect((await answer.json()).error.what).toBe("the server is busy");
    const accepted = answers.filter(({ status }) => status === 200);
    expect(accepted.length).toBe(30 - refused.length);
    expect(accepted.length).toBeGreaterThanOrEqual(2);
    expect((await post(`${url}/v1/predict`, { rows })).status).toBe(200);
  });

  it("refuses by the work that waits, once that lasts", async () => {
    const url = await serve(MAIN, { limits: { work: 1, arrival: 2000 } });
    const many = { rows: Array.from({ length: 5000 }, () => ROW) };
    const statuses = new Set<number>();
    const client = async () => {
      while (!statuses.has(503)) {
        const answer = await post(`${url}/v1/predict`, many);
        statuses.add(answer.status);
        await answer.text();
      }
    };
    await Promise.all(Array.from({ length: 24 }, client));
    expect(statuses).toEqual(new Set([200, 503]));
    expect((await post(`${url}/v1/predict`, { rows: [ROW] })).status).toBe(200);
  });

  it("does not score what has waited too long", async () => {
    const url = await serve(MAIN, { limits: { deadline: 1, work: 1e6, arrival: 2000 } });
    const rows = Array.from({ length: 8000 }, () => ROW);
    const errors: string[] = [];
    const client = async () => {
      while (errors.length === 0) {
        const answer = await post(`${url}/v1/predict`, { rows });
        const { error } = await answer.json();
        if (answer.status === 503) errors.push(error.what);
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    for (const error of errors) expect(error).toMatch(/waited too long/);
  });
});

describe("newer versions", () => {
  it("are taken by POST /v1/reload while requests are answered, each by one version", async () => {
    const path = join(folder, "reloaded");
    await saveUntrained(path, 1);
    const url = await serve([{ name: "main", path, choice: "latest" as const }], {
      limits: { deadline: 1e6 },
    });
    const expected = new Map<string, number>();
    const note = async () => {
      const once = await load(path, { checkpoint: "latest" });
      expected.set(stepName(once.step), once.predictOne(ROW));
    };
    await note();
    const seen = new Set<string>();
    let stopped = false;
    const ask = async () => {
      while (!stopped) {
        const answer = await post(`${url}/v1/predict`, { rows: [ROW, ROW] });
        const { version, scores } = await answer.json();
        expect([answer.status, scores]).toEqual([200, [expected.get(version), expected.get(version)]]);
        seen.add(version);
      }
    };
    const clients = [ask(), ask()];
    for (let step = 2; step <= 1 + RELOADS; step++) {
      await saveUntrained(path, step);
      await note();
      const reloaded = await post(`${url}/v1/reload`, {});
      expect(reloaded.status, await reloaded.clone().text()).toBe(200);
    }
    stopped = true;
    await Promise.all(clients);
    expect(seen.size).toBeGreaterThanOrEqual(RELOADS);
    const { models } = await (await get(`${url}/v1/model`)).json();
    expect(models[0].step).toBe(1 + RELOADS);
  });

  it("are taken when they appear, with follow", async () => {
    const path = join(folder, "followed");
    await saveUntrained(path, 1);
    const url = await serve([{ name: "main", path }], { follow: true });
    await saveUntrained(path, 2);
    const version = async () => (await (await post(`${url}/v1/predict`, { rows: [ROW] })).json()).version;
    while ((await version()) !== "step-00000002") await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it("that cannot be opened or cannot score do not take the place of the one that can", async () => {
    const path = join(folder, "damaged");
    await saveUntrained(path, 1);
    const url = await serve([{ name: "main", path }]);
    const before = await (await post(`${url}/v1/predict`, { rows: [ROW] })).json();
    const weights = join(path, "checkpoints", "step-00000001", "model.safetensors");
    const damages: readonly (readonly [reason: RegExp, damage: () => void])[] = [
      [
        /checkpoints.step-00000001.model\.safetensors: .*checksum/,
        () => writeFileSync(weights, spoiled(weights)),
      ],
      [/no sound checkpoint/, () => truncateSync(weights, 100)],
      [/no sound checkpoint/, () => rmSync(weights)],
      [/not a run|checkpoints/, () => rmSync(join(path, "checkpoints"), { recursive: true })],
    ];
    for (const [reason, damage] of damages) {
      damage();
      const refused = await post(`${url}/v1/reload`, {});
      const text = await refused.text();
      expect([refused.status, text]).toEqual([409, expect.stringMatching(reason)]);
      expect(text).not.toContain(folder);
      expect(await (await post(`${url}/v1/predict`, { rows: [ROW] })).json()).toEqual(before);
    }
  });
});

describe("a damaged version beside a sound one", () => {
  it.each([false, true])("is told to those who reload; followed: %s", async (follow) => {
    const path = join(folder, `beside-${follow}`);
    await saveUntrained(path, 1);
    const url = await serve([{ name: "main", path, choice: "latest" }], { follow });
    await saveUntrained(path, 2);
    const reload = async () => {
      const answer = await post(`${url}/v1/reload`, {});
      return [answer.status, await answer.text()];
    };
    expect(await reload()).toEqual([200, expect.stringContaining("step-00000002")]);
    await saveUntrained(path, 3);
    truncateSync(join(path, "checkpoints", "step-00000003", "model.safetensors"), 100);
    const reason = /step-00000002 serves on[\s\S]*step-00000003[\s\S]*model\.safetensors/;
    for (let i = 0; i < 2; i++) expect(await reload()).toEqual([409, expect.stringMatching(reason)]);
    await saveUntrained(path, 4);
    expect(await reload()).toEqual([200, expect.stringContaining("step-00000004")]);
  });
});

describe("several models", () => {
  it("share requests as they are told, and answer those that name them", async () => {
    const other = join(folder, "other");
    await saveUntrained(other, 7);
    const url = await serve([...MAIN, { name: "b", path: other, share: 0.25 }], {
      limits: { work: 1e6, deadline: 1e6 },
    });
    const modelOf = async (query: string) =>
      (await (await post(`${url}/v1/predict${query}`, { rows: [ROW] })).json()).model;
    expect([await modelOf("?model=main"), await modelOf("?model=b")]).toEqual(["main", "b"]);
    const models = await Promise.all(Array.from({ length: 400 }, (_, i) => modelOf(`?key=user-${i}`)));
    const share = models.filter((name) => name === "b").length / 400;
    expect(Math.abs(share - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 400));
    expect(await Promise.all(Array.from({ length: 5 }, (_, i) => modelOf(`?key=user-${i}`)))).toEqual(
      models.slice(0, 5),
    );
    expect((await get(`${url}/v1/model`).then((answer) => answer.json())).models).toHaveLength(2);
  });

  it("need names of their own, and at most all requests", async () => {
    const options = { opening: {} as never, follow: false, warn: () => undefined };
    const refused = (...sources: object[]) => expect(ServedModels.open(sources as never, options)).rejects;
    await refused(...MAIN, ...MAIN).toThrow(/same name/);
    await refused(...MAIN, { name: "b", share: 0.6 }, { name: "c", share: 0.5 }).toThrow(/more than 100 %/);
  });
});

describe("access", () => {
  it("outside this machine needs a token or certificates", async () => {
    await expect(serveModels(MAIN, { host: "0.0.0.0" })).rejects.toThrow(/needs a token/);
  });

  it("with a token is for those who send it, but for Kubernetes", async () => {
    const url = (await serve(MAIN, { host: "0.0.0.0", token: "secret" })).replace("0.0.0.0", "127.0.0.1");
    const status = async (path: string, token?: string) =>
      (await get(url + path, token === undefined ? {} : { headers: { authorization: token } })).status;
    for (const wrong of [
      undefined,
      "",
      "secret",
      "Bearer",
      "Bearer secre",
      "Bearer secrets",
      "Bearer SECRET",
    ])
      expect(await status("/v1/model", wrong)).toBe(401);
    expect(await status("/v1/model", "Bearer secret")).toBe(200);
    expect(await status("/v1/model", "bearer secret")).toBe(200);
    for (const path of ["/metrics", "/docs", "/v1/reload", "/none"]) expect(await status(path)).toBe(401);
    for (const path of ["/health", "/ready"]) expect(await status(path)).toBe(200);
  });

  it("with certificates of clients is for those who have one", async () => {
    const [cert, key, clientCa] = ["server.pem", "server.key", "ca.pem"].map(pem);
    const url = await serve(MAIN, { host: "0.0.0.0", tls: { cert, key, clientCa } });
    const port = new URL(url).port;
    const ask = (client: object) =>
      new Promise((resolve) => {
        const asked = request(
          { host: "127.0.0.1", port, path: "/health", ca: clientCa, ...client },
          (answer) => resolve(answer.resume().statusCode),
        );
        asked.on("error", () => resolve("refused")).end();
      });
    expect(await ask({ cert: pem("client.pem"), key: pem("client.key") })).toBe(200);
    expect(await ask({})).toBe("refused");
  });
});

/** The bytes of a file, the last one changed. */
function spoiled(path: string): Buffer {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] ^= 1;
  return bytes;
}

const pem = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
