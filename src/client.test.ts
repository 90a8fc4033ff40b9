import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { float64, list, tableFromArrays, tableFromIPC, tableToIPC, utf8 } from "@uwdata/flechette";
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it, vi } from "vitest";
import { Client, ServerError } from "./client.js";
import { defineConfig } from "./config/config.js";
import { load } from "./serve/load.js";
import type { Predictor } from "./serve/predictor.js";
import { ARROW } from "./server/arrow.js";
import { CONFIG, post, type Served, saveUntrained, serveModels } from "./server/testing.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-client-"));
let served: Served;
let model: Predictor;
beforeAll(async () => {
  await saveUntrained(folder);
  model = await load(folder);
  served = await serveModels([{ name: "main", path: folder }], { token: "secret" });
});
afterAll(async () => {
  await served.server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ROWS = [1, 2, 3].map((item) => ({
  user: "u1",
  item,
  price: item / 2,
  tags: ["a", "b"],
  vector: [item, 2],
}));
const items = ROWS.map(({ user: _, ...item }) => item);
const request = { user: { user: "u1" }, items, k: 2 };

describe("a client", () => {
  it("predicts and ranks", async () => {
    const client = new Client(served.url, { token: "secret" });
    const answered = { model: "main", version: "step-00000001" };
    expect(await client.predict(ROWS)).toEqual({ ...answered, scores: [...model.predict(ROWS)] });
    expect(await client.rank(request, { model: "main", key: "u1" })).toEqual({
      ...answered,
      items: model.rank(request),
    });
    const columns = {
      ...Object.fromEntries(
        Object.keys(ROWS[0]).map((name) => [name, ROWS.map((row) => row[name as "item"])]),
      ),
    };
    const typed = { ...columns, item: BigInt64Array.of(1n, 2n, 3n), price: Float64Array.of(0.5, 1, 1.5) };
    expect((await client.predict(typed as never)).scores).toEqual([...model.predict(ROWS)]);
  });

  it("says what the server says", async () => {
    const refused = (client: Client, rows: object[]) => client.predict(rows as never).catch((error) => error);
    const error = await refused(new Client(served.url, { token: "secret" }), [{ user: 1 }]);
    expect(error).toBeInstanceOf(ServerError);
    expect([error.status, error.message]).toEqual([
      400,
      expect.stringMatching(/rows\[0\]: the column item is not in the row/),
    ]);
    expect((await refused(new Client(served.url), ROWS)).status).toBe(401);
    const nobody = await refused(new Client("http://127.0.0.1:9"), ROWS);
    expect([nobody.status, nobody.message]).toEqual([0, expect.stringContaining("has not answered")]);
  });

  it("tries again when the server is busy", async () => {
    let left = 2;
    const { server, url } = await listening((_, response) => {
      if (left-- > 0) response.writeHead(503, { "retry-after": "0" }).end("{}");
      else response.end('{"scores":[1]}');
    });
    expect(await new Client(url).predict([{}])).toEqual({ scores: [1] });
    left = 2;
    await expect(new Client(url, { retries: 1 }).predict([{}])).rejects.toThrow(/status 503/);
    server.close();
  });

  it.each([
    ["seconds", "3", 3000],
    ["a date", new Date(Date.UTC(2030, 0, 1, 0, 0, 2)).toUTCString(), 2000],
    ["a date that has passed", new Date(0).toUTCString(), 0],
    ["nothing", undefined, 1000],
    ["what is neither", "soon", 1000],
  ])("waits as long as the answer of a busy server says: %s", async (_, after, wait) => {
    vi.spyOn(Date, "now").mockReturnValue(Date.UTC(2030, 0, 1));
    const headers = after === undefined ? undefined : { "retry-after": after };
    vi.spyOn(globalThis, "fetch")
      .mockResolvedValueOnce(new Response("", { status: 503, headers }))
      .mockResolvedValueOnce(new Response('{"scores":[1]}'));
    const waits = vi.spyOn(globalThis, "setTimeout");
    waits.mockImplementation(((done: () => void) => queueMicrotask(done)) as never);
    expect(await new Client("http://busy").predict([{}])).toEqual({ scores: [1] });
    expect(waits.mock.calls.map(([, milliseconds]) => milliseconds)).toEqual([wait]);
  });
  afterEach(() => void vi.restoreAllMocks());

  it.each([200, 400])(
    "gives up when the body of an answer with status %i does not arrive",
    async (status) => {
      const { server, url } = await listening((_, response) => void response.writeHead(status).write("{"));
      const error = await new Client(url, { timeout: 200 }).predict([{}]).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(ServerError);
      expect([error.status, error.message]).toEqual([0, expect.stringContaining("has not answered")]);
      server.closeAllConnections();
      server.close();
    },
  );

  it("says that an answer is not that of pairloom serve", async () => {
    const { server, url } = await listening((_, response) => void response.end("<html>"));
    const error = await new Client(url).predict([{}]).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ServerError);
    expect([error.status, error.message]).toEqual([200, expect.stringContaining("<html>")]);
    server.close();
  });

  it("has the types of the config", () => {
    const config = defineConfig(CONFIG as never);
    expectTypeOf<Client<typeof config>>().toHaveProperty("rank");
  });
});

async function listening(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const TYPES = { user: utf8(), tags: list(utf8()), vector: list(float64()) };

describe("Arrow", () => {
  const headers = { "content-type": ARROW, accept: ARROW, authorization: "Bearer secret" };
  const arrow = (path: string, body: Uint8Array) => post(`${served.url}${path}`, body, headers);
  const columns = (rows: readonly object[]) =>
    Object.fromEntries(
      Object.keys(rows[0]).map((name) => [name, rows.map((row) => row[name as keyof typeof row])]),
    );
  const streamOf = (rows: readonly object[], metadata: Record<string, string> = {}) => {
    const table = tableFromArrays(columns(rows), { types: TYPES });
    Object.assign(table.schema, { metadata: new Map(Object.entries(metadata)) });
    return tableToIPC(table, { format: "stream" })!;
  };
  const read = async (response: Awaited<ReturnType<typeof arrow>>) => {
    expect(response.headers.get("content-type")).toBe(ARROW);
    expect(response.headers.get("pairloom-version")).toBe("step-00000001");
    return tableFromIPC(new Uint8Array(await response.arrayBuffer())).toArray();
  };

  it("gives the predictions and rankings that JSON gives", async () => {
    const scores = [...model.predict(ROWS)].map((score) => ({ score }));
    expect(await read(await arrow("/v1/predict", streamOf(ROWS)))).toEqual(scores);
    const metadata = { user: JSON.stringify(request.user), k: "2" };
    expect(await read(await arrow("/v1/rank", streamOf(items, metadata)))).toEqual(model.rank(request));
  });

  it("that is malformed is refused", async () => {
    const whole = streamOf(ROWS);
    const bodies = [
      Buffer.from(""),
      Buffer.from("x"),
      ...[1, 8, 100, 300].map((length) => whole.slice(0, length)),
    ];
    for (let at = 0; at < whole.length; at += 5) {
      const changed = whole.slice();
      changed[at] ^= 0xff;
      bodies.push(Buffer.from(changed));
    }
    for (const body of bodies) {
      const response = await arrow("/v1/predict", body);
      if (response.status !== 200) expect([400, 413, 422]).toContain(response.status);
      expect(await response.text()).not.toMatch(/ {4}at |node_modules/);
    }
    expect((await arrow("/v1/rank", streamOf(items, { user: "{" }))).status).toBe(400);
  });
});
