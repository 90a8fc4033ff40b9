import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { CheckpointError, ConfigError } from "../src/errors.js";
import { load, registerModel, resolveConfig } from "../src/index.js";
import { cli, makeWorld, type World } from "./cli-world.js";

/** The code blocks of docs/new-model.md, run as the guide says. */
const guide = readFileSync(fileURLToPath(new URL("../docs/new-model.md", import.meta.url)), "utf8");
const [model, config] = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);

let world: World;
beforeAll(() => {
  world = makeWorld();
  world.write("fibinet.ts", model);
  world.write("pairloom.config.ts", config);
  world.write("train.csv", clicks(3000));
  world.write("valid.csv", clicks(700));
});
afterAll(() => world.remove());

/** A user likes items of one parity: only a product of the two embeddings knows it. */
function clicks(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const [user, item] = [i % 7, (i * 5 + Math.floor(i / 7)) % 11];
    return `u${user},i${item},${i % 24},${(user + item) % 2}`;
  });
  return `user,item,hour,clicked\n${lines.join("\n")}\n`;
}

describe("the guide to a new model", () => {
  it("is a model in under 40 lines", () => {
    expect(model.trim().split("\n").length).toBeLessThan(40);
  });

  it("trains and scores", async () => {
    const trained = await cli("train", ".", "--run", "runs/one", "--backend", "reference");
    expect(trained.err).not.toContain("Error");
    expect(trained.code).toBe(0);
    const predictor = await load("runs/one", { backend: "reference" });
    expect(predictor.config.model.kind).toBe("fibinet");
    const [p] = predictor.predict([{ user: "u1", item: "i2", hour: "3" }]);
    expect(p).toBeGreaterThan(0);
    expect(p).toBeLessThan(1);

    // A program of its own, which has registered nothing.
    vi.resetModules();
    const elsewhere = await import("../src/index.js");
    await expect(elsewhere.load("runs/one", { backend: "reference" })).rejects.toThrow(/not registered/);
    const loaded = await elsewhere.load("runs/one", { backend: "reference", importModules: true });
    expect([...loaded.predict([{ user: "u1", item: "i2", hour: "3" }])]).toEqual([p]);
  });
});

const schema = z.strictObject({ kind: z.literal("constantOne"), width: z.int().default(3) });
const build = () => {
  throw new CheckpointError({ what: "built" });
};

describe("registerModel", () => {
  const data = { train: { path: "train.csv" }, label: "clicked" };
  const features = [{ kind: "id", name: "user", vocabulary: {} }];

  it("refuses the kind of a model that is there", () => {
    const taken = () =>
      registerModel({ kind: "dlrm", schema: z.strictObject({ kind: z.literal("dlrm") }), build });
    expect(taken).toThrow(ConfigError);
  });

  it("checks a config by the schema of the model, and builds the model", () => {
    const constantOne = registerModel({ kind: "constantOne", schema, build });
    expect(() => resolveConfig({ data, features, model: constantOne({ width: 2 }) })).toThrow("built");
    const wrong = { kind: "constantOne", width: "two" };
    expect(() => resolveConfig({ data, features, model: wrong })).toThrow("model.width");
  });
});
