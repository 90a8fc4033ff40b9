import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { load } from "../serve/load.js";
import type { Predictor } from "../serve/predictor.js";
import {
  type Answer,
  arbitraryOf,
  get,
  post,
  raw,
  type Schema,
  type Served,
  saveUntrained,
  serveModels,
} from "./testing.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-server-"));
const run = join(folder, "run");
let served: Served;
let model: Predictor;
beforeAll(async () => {
  await saveUntrained(run);
  model = await load(run);
  served = await serveModels([{ name: "main", path: run }], {
    // However slow the machine is: other tests are of refusing.
    limits: { body: 200_000, rows: 200, arrival: 2000, work: 1e6, deadline: 1e6 },
  });
});
afterAll(async () => {
  await served.server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const to = (path: string) => served.url + path;
const ROW = { user: "u1", item: 3, price: 2.5, tags: ["a"], vector: [1, 2] };
const { user, ...ITEM } = ROW;

/** Many more requests than in the suite: `SERVER_RUNS=200 npx vitest run src/server/server.test.ts`. */
const RUNS = Number(process.env.SERVER_RUNS ?? 1);

describe("scoring", () => {
  it("answers with the predictions of the model, and its version", async () => {
    const rows = [1, 2, 3].map((item) => ({ ...ROW, item }));
    const expected = { model: "main", version: "step-00000001", scores: [...model.predict(rows)] };
    const response = await post(to("/v1/predict"), { rows });
    expect([response.status, await response.json()]).toEqual([200, expected]);
    expect(response.headers.get("pairloom-version")).toBe("step-00000001");
    const columns = Object.fromEntries(
      Object.keys(ROW).map((name) => [name, rows.map((row) => row[name as "user"])]),
    );
    expect(await (await post(to("/v1/predict"), { columns })).json()).toEqual(expected);
  });

  it("ranks as the predictor does", async () => {
    const request = { user: { user }, items: [1, 2, 3].map((item) => ({ ...ITEM, item })), k: 2 };
    const { items } = await (await post(to("/v1/rank"), request)).json();
    expect(items).toEqual(model.rank(request));
  });

  it("of many requests at once gives each its own, also beside one that is refused", async () => {
    const requests = Array.from({ length: 60 }, (_, i) => ({
      rows: Array.from({ length: 1 + (i % 4) }, (_, k) => ({
        ...ROW,
        item: i % 10 === 7 ? 99 : (i + k) % 30,
        user: i,
      })),
    }));
    const answers = await Promise.all(requests.map((request) => post(to("/v1/predict"), request)));
    for (const [i, answer] of answers.entries()) {
      const body = await answer.json();
      if (i % 10 === 7) expect([answer.status, body.error.where]).toEqual([400, "rows[0]"]);
      else expect(body.scores).toEqual([...model.predict(requests[i].rows)]);
    }
  });
});

describe("the OpenAPI document", () => {
  it.each(["/v1/predict", "/v1/rank"])("describes requests that %s takes, and its answers", async (path) => {
    const document = await (await get(to("/docs/openapi.json"))).json();
    const operation = document.paths[path].post;
    const { schema, example } = operation.requestBody.content["application/json"];
    expect((await post(to(path), example)).status).toBe(200);
    const answerOf = (status: number) =>
      z.fromJSONSchema(
        resolved(operation.responses[status].content["application/json"].schema, document) as never,
      );
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(arbitraryOf(resolved(schema, document) as Schema), async (body) => {
        const response = await post(to(path), placed(path, body as never));
        seen.add(response.status);
        expect([200, 400, 422]).toContain(response.status);
        expect(answerOf(response.status).safeParse(await response.json()).error).toBeUndefined();
      }),
      { numRuns: 60 * RUNS },
    );
    expect(seen).toContain(200);
  });

  it("is shown as a page", async () => {
    const page = await get(to("/docs"));
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(await page.text()).toContain("POST /v1/rank");
  });
});

/** A request in which most columns have one place, as the text of the document says beside the schema. */
function placed(path: string, body: { user?: object; context?: object; items: object[] }): object {
  if (path !== "/v1/rank") return body;
  const { user: given = {}, context = {}, items } = body;
  const without = (values: object, ...others: object[]) =>
    Object.fromEntries(Object.entries(values).filter(([name]) => !others.some((other) => name in other)));
  const shared = { ...without(context, given), ...given };
  return {
    ...body,
    user: given,
    context: without(context, given),
    items: items.map((item) => without({ ...ROW, ...item }, shared)),
  };
}

/** A schema without references. */
function resolved(schema: unknown, document: { components: { schemas: Record<string, unknown> } }): unknown {
  if (typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((each) => resolved(each, document));
  if ("$ref" in schema)
    return resolved(document.components.schemas[String(schema.$ref).split("/").at(-1)!], document);
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value, document)]));
}

const bodyWith = (row: object) => JSON.stringify({ rows: [{ ...ROW, ...row }] });
const MALFORMED: readonly [string, string][] = [
  ["nothing", ""],
  ["no JSON", "{"],
  ["a number", "3"],
  ["null", "null"],
  ["a list", "[]"],
  ["a text", '"rows"'],
  ["no rows", "{}"],
  ["rows and columns", '{"rows":[],"columns":{}}'],
  ["another member", '{"rows":[],"row":1}'],
  ["rows of null", '{"rows":[null]}'],
  ["rows that are numbers", '{"rows":[1,2]}'],
  ["a row without columns", '{"rows":[{}]}'],
  ["__proto__ in a row", bodyWith({}).replace('"user"', '"__proto__"')],
  ["__proto__ around", '{"__proto__":{"rows":[]}}'],
  ["constructor", '{"constructor":{"prototype":{"rows":[]}}}'],
  ["NaN", bodyWith({}).replace("2.5", "NaN")],
  ["Infinity", bodyWith({}).replace("2.5", "Infinity")],
  ["an id above 2^53", bodyWith({}).replace('"u1"', "9007199254740993")],
  ["a number above 1e308", bodyWith({}).replace("2.5", "1e999")],
  ["a number that overflows the model", bodyWith({ price: 1e300 })],
  ["an id outside its range", bodyWith({ item: 30 })],
  ["an id below its range", bodyWith({ item: -1 })],
  ["an object as an id", bodyWith({ user: { a: 1 } })],
  ["a list as an id", bodyWith({ user: [[[]]] })],
  ["a vector that is too long", bodyWith({ vector: [1, 2, 3] })],
  ["columns of different lengths", JSON.stringify({ columns: { ...ROW, user: ["a"], item: [1, 2] } })],
  ["too many rows", JSON.stringify({ rows: new Array(201).fill(0) })],
  ["10 MB", bodyWith({ user: "x".repeat(10_000_000) })],
  ["a deep body", `{"rows":${"[".repeat(50_000)}`],
  ["a deep body that is closed", `{"rows":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
  ["a long column", bodyWith({}).replace('"user"', `"${"user".repeat(20_000)}"`)],
  ["a long member", `{"rows":[],"${"x".repeat(100_000)}":1}`],
  [
    "many columns",
    bodyWith(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`u${i}`, 0]))).replace(
      '"user"',
      '"u"',
    ),
  ],
  ["bytes", "\u0000\u0001\ufffd"],
];

async function expectRefusal(response: Answer): Promise<void> {
  const text = await response.text();
  expect(text.length).toBeLessThan(6000);
  expect(response.status, text).toBeGreaterThanOrEqual(400);
  expect(response.status, text).toBeLessThan(500);
  expect(JSON.parse(text)).toMatchObject({
    error: { what: expect.any(String), next: expect.stringMatching(/^[A-Z].*[.]$/s) },
  });
  expect(text).not.toMatch(/\.(ts|js):\d|node_modules| {4}at /);
}

describe("a malformed request", () => {
  it.each(MALFORMED)("is refused: %s", async (_, body) => {
    await expectRefusal(await post(to("/v1/predict"), body));
    await expectRefusal(
      await post(to("/v1/rank"), body.replace('"rows"', '"items"').replace('"columns"', '"items"')),
    );
    expect((await get(to("/health"))).status).toBe(200);
  });

  it("with a body that was changed in one place is answered", async () => {
    const text = JSON.stringify({ rows: [ROW] });
    const character = fc.constantFrom(...'{}[]",:0-eE.\\ \u0000\u00ff');
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length), fc.nat(2), character, async (at, removed, put) => {
        const response = await post(to("/v1/predict"), text.slice(0, at) + put + text.slice(at + removed));
        if (response.status !== 200) await expectRefusal(response);
      }),
      { numRuns: 150 * RUNS },
    );
  });

  it("in another form is refused", async () => {
    const bomb = Buffer.alloc(20_000_000, "[");
    for (const [encoding, bytes] of [
      ["deflate", deflateSync(bomb)],
      ["gzip", gzipSync(bomb)],
    ] as const)
      await expectRefusal(await post(to("/v1/predict"), bytes, { "content-encoding": encoding }));
    await expectRefusal(await post(to("/v1/predict"), deflateSync(bomb)));
    for (const type of ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
      await expectRefusal(await post(to("/v1/predict"), "{}", { "content-type": type }));
    await expectRefusal(await post(to("/v1/predict?model=other"), { rows: [ROW] }));
    await expectRefusal(await post(to("/v1/predict?model=main&model=main"), { rows: [ROW] }));
    expect((await get(to("/none"))).status).toBe(404);
    await expectRefusal(await get(to("/v1/%E0%A4%A")));
  });

  it.each([
    ["POST", ["/v1/predict", "/v1/rank?model=main", "/v1/reload"]],
    ["GET, HEAD", ["/health", "/ready", "/metrics", "/v1/model", "/docs", "/docs/openapi.json"]],
  ])("with a method that its path does not take is told which it takes: %s", async (allowed, paths) => {
    for (const path of paths)
      for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        if (allowed.includes(method)) continue;
        const response = await get(to(path), { method });
        expect([method, path, response.status, response.headers.get("allow")]).toEqual([
          method,
          path,
          405,
          allowed,
        ]);
        await expectRefusal(response);
      }
  });

  it("that is no HTTP is refused", async () => {
    const head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    for (const [bytes, status] of [
      ["nonsense\r\n\r\n", 400],
      [`${head}Content-Length: -1\r\n\r\n`, 400],
      [`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{}`, 400],
      [`${head}X: ${"x".repeat(20_000)}\r\n\r\n`, 431],
      ["GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403],
      ["GET /health HTTP/1.1\r\nHost: LocalHost:80\r\nConnection: close\r\n\r\n", 200],
      ["GET /health HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n", 200],
    ] as const)
      expect(await raw(served.url, bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it("on a connection with a hundred others that are not answered closes it, and leaves nothing", async () => {
    const open = async () =>
      Number(/^pairloom_open_requests (\d+)$/m.exec(await (await get(to("/metrics"))).text())?.[1]);
    const asked = "GET /docs/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const answers = (await raw(served.url, asked.repeat(101))).match(/HTTP\/1.1 200 /g) ?? [];
    expect(answers.length).toBeLessThan(101);
    const { hostname, port } = new URL(served.url);
    for (let i = 0; i < 5; i++) {
      const socket = connect(Number(port), hostname).pause();
      await new Promise<void>((sent) => socket.write(asked.repeat(100), () => sent()));
      await open();
      socket.destroy();
    }
    // The request for the number is open itself.
    while ((await open()) > 1);
  });

  it("whose headers or body do not arrive is refused", async () => {
    const head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n";
    const slow = [head, `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`];
    const answers = await Promise.all(slow.map((bytes) => raw(served.url, bytes)));
    expect(answers).toEqual([
      expect.stringMatching(/^HTTP\/1.1 408 /),
      expect.stringMatching(/^HTTP\/1.1 408 /),
    ]);
  });
});

describe("beside scoring", () => {
  it("says what is served", async () => {
    expect(await (await get(to("/health"))).json()).toEqual({ status: "running" });
    expect(await (await get(to("/ready"))).json()).toEqual({ status: "ready" });
    const { models } = await (await get(to("/v1/model"))).json();
    expect(models).toMatchObject([{ name: "main", version: "step-00000001", step: 1, labels: ["clicked"] }]);
    expect(models[0].features.map(({ name }: { name: string }) => name)).toEqual(
      model.features.features.map(({ name }) => name),
    );
  });

  it("counts for Prometheus", async () => {
    const before = await (await get(to("/metrics"))).text();
    await post(to("/v1/predict"), { rows: [ROW, ROW] });
    const after = await (await get(to("/metrics"))).text();
    const rows = (text: string) =>
      Number(/^pairloom_rows_total\{.*version="step-00000001".*\} (\d+)$/m.exec(text)?.[1]);
    expect(rows(after)).toBe(rows(before) + 2);
    expect(after).toMatch(/^pairloom_requests_total\{route="\/v1\/predict",status="200"\} \d+$/m);
    expect(after).toMatch(/^pairloom_model_step\{model="main"\} 1$/m);
  });
});
