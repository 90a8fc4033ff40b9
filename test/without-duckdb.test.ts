import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { load } from "../src/index.js";
import { cli, csv, makeWorld, PAIRLOOM, rows, smallConfig, type World } from "./cli-world.js";

const source = (file: string) => JSON.stringify(resolve("src", file));
const tsx = import.meta.resolve("tsx");
const { exports } = JSON.parse(readFileSync("package.json", "utf8"));

let world: World;
beforeAll(() => {
  world = makeWorld();
});
afterAll(() => world.remove());

/** A Node process of its own. */
function node(...args: string[]) {
  return spawnSync(process.execPath, args, { encoding: "utf8" });
}

describe("pairloom/serve", () => {
  const serve = exports["./serve"].default.replace("./dist/", "").replace(".js", ".ts");
  const row = { user: "u1", item: "i2", price: 3.5 };
  /** Prints a prediction, and the shared libraries of DuckDB in the process, before and after the rest of Pairloom. */
  const program = `
    const libraries = () => process.report.getReport().sharedObjects.filter((path) => path.includes("duckdb"));
    const { load } = await import(${source(serve)});
    const model = await load("runs/own", { backend: "reference", importModules: true });
    const prediction = model.predictOne(${JSON.stringify(row)});
    const serving = libraries();
    await import(${source("data/source/duckdb.ts")});
    console.log(JSON.stringify({ prediction, serving, reading: libraries() }));`;

  it("has types", () => {
    const types = exports["./serve"].types.replace("./dist/", "").replace(".d.ts", ".ts");
    expect(types).toBe(serve);
    expect(existsSync(resolve(import.meta.dirname, "../src", serve))).toBe(true);
  });

  it("scores without loading DuckDB, a model that its config file registers too", async () => {
    world.write("rows.csv", csv(rows(200)));
    world.write("test.csv", csv(rows(100)));
    world.write("model.ts", ownModel);
    world.write("program.mts", program);
    const config = JSON.stringify({ ...smallConfig(), model: undefined }).slice(1);
    world.write(
      "pairloom.config.ts",
      `import { summed } from "./model.js";\nexport default { model: summed({ features: ["user"] }), ${config};\n`,
    );
    const trained = await cli("train", ".", "--run", "runs/own", "--backend", "reference");
    expect(trained.code, trained.err).toBe(0);
    const { stdout, stderr } = node("--import", tsx, "program.mts");
    expect(stdout, stderr).not.toBe("");
    const { prediction, serving, reading } = JSON.parse(stdout);
    expect(prediction).toBe(
      (await load("runs/own", { backend: "reference", importModules: true })).predictOne(row),
    );
    expect(serving).toEqual([]);
    expect(reading.length).toBeGreaterThan(0);
  });
});

const ownModel = `
import { featureGroup, layers, registerModel, z } from "pairloom";
export const summed = registerModel({
  kind: "summed",
  schema: z.strictObject({ kind: z.literal("summed"), features: featureGroup }),
  build(features, config, scope, outputs) {
    const [user] = features.embeddings(config.features, "model.features", 4);
    return layers.linearLayer(scope.child("output"), user, { units: outputs });
  },
});`;

describe("where DuckDB is not installed", () => {
  const hook = `import Module from "node:module";
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (name.startsWith("@duckdb/")) throw new Error("Cannot find module '" + name + "'\\nRequire stack: …");
      return load(name, ...rest);
    };`;
  const withoutDuckdb = (...args: string[]) =>
    node("--import", `data:text/javascript,${encodeURIComponent(hook)}`, ...PAIRLOOM.slice(1), ...args);

  it("the help lists the commands", () => {
    const { stdout, stderr, status } = withoutDuckdb("--help");
    expect(stdout).toMatch(/^ +train +Train a model/m);
    expect([stderr, status]).toEqual(["", 0]);
  });

  it("doctor says so among its other findings", () => {
    const { stdout, stderr, status } = withoutDuckdb("doctor");
    expect(stdout).toMatch(/^FAIL +duckdb +DuckDB/m);
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(/DuckDB.* cannot be loaded: Cannot find module.*npm ci/);
    expect(stdout).toMatch(/^ok +temporary folder/m);
    expect(stderr).toBe("");
    expect(status).toBe(1);
  });

  it.each([
    ["train", "."],
    ["eval", "runs/own"],
    ["predict", "runs/own", "--output", "scored.csv"],
  ])("%s says what to do", (...args) => {
    const { stderr, status } = withoutDuckdb(...args);
    expect(stderr).toMatch(
      /error: @duckdb.*cannot be loaded\n +got: +Cannot find module[^\n]*\n.*next: +Install again/s,
    );
    expect(stderr).not.toContain("fault of Pairloom");
    expect(status).toBe(1);
  });
});
