import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findCheckpoint } from "../src/saved/find-checkpoint.js";
import { importOwnModel } from "../src/saved/own-model.js";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

let world: World;
beforeAll(() => {
  world = makeWorld();
});
afterAll(() => world.remove());

it("a run's config file is kept, and registers the model that the run is of", async () => {
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
  await importOwnModel(checkpoint);
  expect(loaded()).toBe(before);
  const manifest = { ...checkpoint.manifest, config: { model: { kind: "nobody's" } } };
  const foreign = { dir: checkpoint.dir, manifest } as unknown as typeof checkpoint;
  await importOwnModel(foreign);
  expect(loaded()).toBe(before + 1);
  rmSync("pairloom.config.ts");
  await importOwnModel(foreign);
  expect(loaded()).toBe(before + 1);
}, 60_000);
