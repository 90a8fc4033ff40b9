import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeServer } from "../../examples/fastify/server.js";
import { load } from "../../src/serve.js";
import type { World } from "../cli-world.js";
import { ROOT } from "./pages.js";
import { makeDocsWorld } from "./world.js";

let world: World;
beforeAll(async () => {
  world = await makeDocsWorld();
});
afterAll(() => world.remove());

const ROW = { user: "u1", item: "i3", origin: "o2", hour: 18, price: null };

it("examples/fastify scores rows as load does, refuses wrong ones, and loads the model again", async () => {
  const app = await makeServer("runs/latest");
  try {
    const url = await app.listen({ port: 0 });
    const post = async (path: string, body: unknown) => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      return { status: response.status, body: await response.json() };
    };
    const model = await load("runs/latest");
    const scores = Array.from(model.predict([ROW, { ...ROW, hour: 3 }]));
    const answer = { status: 200, body: { scores, step: model.step } };
    expect(await post("/score", [ROW, { ...ROW, hour: 3 }])).toEqual(answer);
    const { hour: _, ...incomplete } = ROW;
    expect(await post("/score", [incomplete])).toMatchObject({
      status: 400,
      body: { error: { where: "rows[0]" } },
    });
    expect(await post("/reload", {})).toEqual({ status: 200, body: { step: model.step } });
    expect(await post("/score", [ROW, { ...ROW, hour: 3 }])).toEqual(answer);
  } finally {
    await app.close();
  }
});

it("examples/notebook runs cell by cell", () => {
  mkdirSync("notebook");
  cpSync(join(ROOT, "examples/notebook/explore.mjs"), "notebook/explore.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, ["notebook/explore.mjs"], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  const aucs = [...stdout.matchAll(/embeddingDim \d+: AUC (0\.\d+|1)/g)].map(([, auc]) => Number(auc));
  expect(aucs).toHaveLength(2);
  for (const auc of aucs) expect(auc).toBeGreaterThan(0.9);
});
