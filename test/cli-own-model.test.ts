import { appendFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { knowModel } from "../src/saved/code.js";
import { findCheckpoint } from "../src/saved/find-checkpoint.js";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

let world: World;
beforeAll(() => {
  world = makeWorld();
});
afterAll(() => world.remove());

it("the config file that registers a run's model is imported only if allowed, and unchanged", async () => {
  world.write("rows.csv", csv(rows(200)));
  world.write("test.csv", csv(rows(100)));
  const config = JSON.stringify(smallConfig());
  world.write(
    "pairloom.config.ts",
    `globalThis.timesLoaded = (globalThis.timesLoaded ?? 0) + 1;\nexport default ${config};\n`,
  );
  const { code } = await cli("train", "pairloom.config.ts", "--run", "runs/own", "--backend", "reference");
  expect(code).toBe(0);
  const checkpoint = await findCheckpoint("runs/own");
  const loaded = () => (globalThis as { timesLoaded?: number }).timesLoaded;
  const before = loaded()!;
  await knowModel(checkpoint, { importModules: true });
  expect(loaded()).toBe(before);

  const manifest = { ...checkpoint.manifest, config: { model: { kind: "nobody's" } } };
  const foreign = { dir: checkpoint.dir, manifest } as unknown as typeof checkpoint;
  await expect(knowModel(foreign, {})).rejects.toThrow(
    /not registered in this process[\s\S]*--import-modules/,
  );
  expect(loaded()).toBe(before);
  await expect(knowModel(foreign, { importModules: true })).rejects.toThrow(/not registered in this process/);
  expect(loaded()).toBe(before + 1);

  appendFileSync("pairloom.config.ts", "// changed\n");
  await expect(knowModel(foreign, { importModules: true })).rejects.toThrow(
    /the config file that registers the model is not the file/,
  );
  expect(loaded()).toBe(before + 1);
});
